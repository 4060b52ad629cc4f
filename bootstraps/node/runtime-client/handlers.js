// Finds the function that a handler's name stands for.
'use strict'

const path = require('path')

// 'lib/index.handler' is the export `handler` of lib/index.js.
exports.load = function (root, name) {
  const parts = /^(.*?)([^./]+)\.([^./]+)$/.exec(name)
  if (!parts) throw new Error(`Bad handler '${name}'`)
  const exported = requireModule(parts[1] + parts[2], root)[parts[3]]
  if (typeof exported !== 'function') throw new HandlerMissing(parts[3], parts[1] + parts[2])
  return exported
}

function requireModule(name, root) {
  try {
    return require(path.resolve(root, name))
  } catch (error) {
    throw new LoadError(name, error)
  }
}

class LoadError extends Error {
  constructor(name, cause) {
    super(cause instanceof SyntaxError ? `Syntax error in module '${name}'` : `Unable to import module '${name}'`)
    this.cause = cause
  }
}

// What it lacks is a name, not a place in the code, so it has no type and no stack.
class HandlerMissing extends Error {
  constructor(handler, module) {
    super(`Handler '${handler}' missing on module '${module}'`)
    this.plain = true
  }
}
