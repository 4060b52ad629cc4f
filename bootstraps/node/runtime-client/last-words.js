// Reports an outcome for a process that is about to end: last-words.js ID OUTCOME
'use strict'

const api = require('./api')

api.report(process.argv[2], JSON.parse(process.argv[3]), () => process.exit(0))
