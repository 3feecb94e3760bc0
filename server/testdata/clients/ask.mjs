// What the scripts in JavaScript share: where the server is, and what they ask.
import assert from 'node:assert/strict'

export const url = process.env.HELIX_URL
export const key = process.env.HELIX_KEY
export const model = 'demo'
export const long = 'dog '.repeat(3000)
export const person = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 12 }, age: { type: 'integer', minimum: 1, maximum: 99 } },
  required: ['name', 'age'],
  additionalProperties: false,
}

export function checkPerson(v) {
  assert.deepEqual(Object.keys(v).sort(), ['age', 'name'])
  assert.ok(v.name.length <= 12 && v.age >= 1 && v.age <= 99, JSON.stringify(v))
}
