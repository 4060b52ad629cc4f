// Starts AWS's runtime client, aws-lambda-ric 2, on the function's directory. Its addon is that of the later releases, which
// does without a call of theirs.
'use strict'

const client = './node_modules/aws-lambda-ric'
require(`${client}/build/Release/runtime-client.node`).initializeClient = () => {}
require(client).run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER)
