// A handler in an ES module with top-level await, as nodejs14.x was the first to take it.
import { readFile } from 'node:fs/promises'

const source = await readFile(new URL(import.meta.url), 'utf8')

export async function handler(event) {
  if (event.do === 'fail') throw new RangeError('told to fail')
  return { echo: event.echo, read: source.length > 0 }
}
