import { isObject } from './is-object.js';
import { VivaceError } from '../../kernel/errors.js';
import type { JsonLimits } from './limits.js';
import { tooManyContainers, tooManyValues } from './refusals.js';

const refused = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Checks a value that somebody else has parsed, as a framework's middleware does: how many values it has, how deep they nest, and that no
 * name in it could reach an object's prototype.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with the path of what is wrong, where it has one.
 */
export function checkJson(value: unknown, limits: JsonLimits): void {
  const { counted } = limits;
  if (counted !== undefined && isObject(value)) {
    if (elementsOf(value[counted.name]) > counted.max) throw counted.refuse();
  }
  new Inspection(limits).value(value, limits.maxDepth, '');
}

/**
 * Looks for names that could reach an object's prototype, anywhere in a parsed text.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with the path of the first one.
 */
export function inspectNames(value: unknown, { maxDepth }: JsonLimits): void {
  new Inspection({ maxDepth }).value(value, maxDepth, '');
}

class Inspection {
  readonly #maxValues: number;
  readonly #maxContainers: number;
  #values = 0;
  #containers = 0;

  constructor({ maxValues = Infinity, maxContainers = Infinity }: JsonLimits) {
    this.#maxValues = maxValues;
    this.#maxContainers = maxContainers;
  }

  value(value: unknown, maxDepth: number, path: string): void {
    if (typeof value !== 'object' || value === null) return;
    if (maxDepth === 0) throw new VivaceError('INVALID_ARGUMENT', 'the body nests too deeply here', { path });
    if (++this.#containers > this.#maxContainers) throw tooManyContainers(this.#maxContainers);
    if (Array.isArray(value)) {
      this.#count(value.length);
      for (let i = 0; i < value.length; i++) {
        const item: unknown = value[i];
        if (typeof item === 'object') this.value(item, maxDepth - 1, `${path}[${i}]`);
      }
      return;
    }
    const names = Object.keys(value);
    this.#count(names.length);
    for (const name of names) {
      const inner = path === '' ? name : `${path}.${name}`;
      if (refused.has(name))
        throw new VivaceError('INVALID_ARGUMENT', `"${name}" cannot be the name of a field`, { path: inner });
      this.value((value as Record<string, unknown>)[name], maxDepth - 1, inner);
    }
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values > this.#maxValues) throw tooManyValues(this.#maxValues);
  }
}

function elementsOf(member: unknown): number {
  if (Array.isArray(member)) return member.length;
  if (!isObject(member)) return 0;
  let longest = 0;
  for (const list of Object.values(member))
    if (Array.isArray(list) && list.length > longest) longest = list.length;
  return longest;
}
