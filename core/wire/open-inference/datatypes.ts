import { withArticle } from '../../config/article.js';
import type { Datatype } from '../../data/tensor.js';

/** Bytes of one element of a binary tensor; 0 for BYTES, whose elements carry their own length. */
export const datatypeBytes: Readonly<Record<Datatype, number>> = {
  FP32: 4,
  FP64: 8,
  INT32: 4,
  INT64: 8,
  BOOL: 1,
  BYTES: 0,
};

/** Datatypes of the protocol that no tensor of Vivace has. */
const unserved = new Set(['UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'FP16', 'BF16']);

/** What is wrong with the datatype of an input that should have another one. */
export function wrongDatatype(given: unknown, expected: Datatype): string {
  if (typeof given !== 'string') return `the datatype is missing: ${expected} is expected`;
  if (Object.hasOwn(datatypeBytes, given)) return `the datatype is ${given}, but ${expected} is expected`;
  const served = Object.keys(datatypeBytes).join(', ');
  return unserved.has(given)
    ? `${withArticle(given)} tensor is not served: models here take ${served}; ${expected} is expected`
    : `${JSON.stringify(given.slice(0, 20))} is not a datatype of the protocol: ${expected} is expected`;
}
