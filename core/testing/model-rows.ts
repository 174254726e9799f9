import assert from 'node:assert/strict';
import { checkTensor, createTensorData, type Tensor, type TensorData } from '../data/tensor.js';
import type { Signature, TensorSpec } from '../models/bundle.js';
import { isNear, rowText } from './plain-rows.js';

/** One element of a tensor, as JavaScript has it: a text or bytes for BYTES, a number or a bigint for INT64. */
export type ModelElement = number | bigint | boolean | string | Uint8Array;

/** The elements of one row of a tensor, row-major; an element by itself where there is one. */
export type RowElements = ModelElement | readonly ModelElement[];

/** What a model gets for one row, by the name of the input, and what it must give, by that of the output. */
export interface ModelRow {
  readonly inputs: Readonly<Record<string, RowElements>>;
  readonly outputs: Readonly<Record<string, RowElements>>;
}

/** What a call of a model needs besides its signal. */
export interface BatchShape {
  readonly rows: number;
  readonly offsets?: Uint32Array;
}

/** Rows that go into a model in one call. */
export interface ModelBatch extends BatchShape {
  readonly inputs: Tensor[];
  readonly expected: readonly ModelRow[];
}

/**
 * A call of at least `count` rows. A model over rows gets them again and again, from `first` on; one over requests gets all rows as a
 * request, as often as it takes.
 */
export function batchOf(
  signature: Signature,
  rows: readonly ModelRow[],
  count: number,
  first = 0,
): ModelBatch {
  const whole = signature.over === 'request';
  const total = whole ? Math.ceil(count / rows.length) * rows.length : count;
  const expected = Array.from({ length: total }, (_, i) => rows[(i + (whole ? 0 : first)) % rows.length]!);
  const inputs = signature.inputs.map((spec) =>
    tensorOf(
      spec,
      expected.map((row) => row.inputs[spec.name]),
    ),
  );
  if (!whole) return { rows: total, inputs, expected };
  const offsets = Uint32Array.from({ length: total / rows.length + 1 }, (_, i) => i * rows.length);
  return { rows: total, offsets, inputs, expected };
}

/** A tensor of some rows. @throws {AssertionError} Where a row has another number of elements than the signature says. */
export function tensorOf(spec: TensorSpec, rows: readonly (RowElements | undefined)[]): Tensor {
  const elements = rows.map((row) => elementsOf(row, spec.name));
  const shape = [rows.length, ...innerShape(spec, elements[0]?.length ?? 1)];
  const width = shape.slice(1).reduce((product, size) => product * size, 1);
  const data = createTensorData(spec.datatype, rows.length * width);
  elements.forEach((row, at) => {
    assert.equal(row.length, width, `row ${at} of "${spec.name}" has ${row.length} elements, not ${width}`);
    row.forEach((element, i) => write(data, at * width + i, element));
  });
  return { name: spec.name, datatype: spec.datatype, shape, data };
}

/** Asserts that a model gave the outputs of its signature, in their order, and that each row holds what is expected of it. */
export function assertOutputs(
  outputs: readonly Tensor[],
  { outputs: specs }: Signature,
  { expected, tolerance, why = '' }: { expected: readonly ModelRow[]; tolerance: number; why?: string },
): void {
  assert.deepEqual(
    outputs.map(({ name }) => name),
    specs.map(({ name }) => name),
    `the outputs of the signature, in its order${why}`,
  );
  specs.forEach((spec, i) => {
    const { data, ...tensor } = outputs[i] as Tensor;
    const wrong = checkTensor({ ...tensor, data }, spec, expected.length);
    assert.ok(wrong === undefined, `output "${spec.name}" ${wrong}${why}`);
    const width = data.length / Math.max(expected.length, 1);
    expected.forEach((row, at) => {
      const wanted = elementsOf(row.outputs[spec.name], spec.name);
      const given = Array.from(data.slice(at * width, (at + 1) * width) as ArrayLike<ModelElement>);
      assert.ok(
        given.length === wanted.length &&
          given.every((element, k) => isElementExpected(element, wanted[k] as ModelElement, tolerance)),
        `row ${at} of "${spec.name}" is ${rowText(given)}, ${rowText(wanted)} is expected for ${rowText(row.inputs)}${why}`,
      );
    });
  });
}

/** Writes over every element; what was transferred has none left. */
export function overwrite(data: TensorData): void {
  if (data.length === 0) return;
  if (Array.isArray(data)) data.fill('overwritten');
  else if (data instanceof BigInt64Array) data.fill(-77n);
  else data.fill(data instanceof Uint8Array ? 1 : -77);
}

function innerShape({ name, shape }: TensorSpec, elements: number): number[] {
  const inner = shape.slice(1);
  const open = inner.filter((size) => size === -1).length;
  assert.ok(open <= 1, `"${name}" has ${open} dimensions that vary: a row does not say which is how long`);
  const known = inner.reduce((product, size) => (size === -1 ? product : product * size), 1);
  return inner.map((size) => (size === -1 ? elements / known : size));
}

function elementsOf(row: RowElements | undefined, name: string): readonly ModelElement[] {
  assert.ok(row !== undefined, `a row says nothing of "${name}"`);
  return Array.isArray(row) ? (row as readonly ModelElement[]) : [row as ModelElement];
}

function write(data: TensorData, at: number, element: ModelElement): void {
  if (Array.isArray(data)) data[at] = element as string | Uint8Array;
  else if (data instanceof BigInt64Array) data[at] = BigInt(element as number | bigint);
  else data[at] = Number(element);
}

/** A BOOL is 0 or 1 in a tensor, an INT64 a bigint, and a text may come as its bytes. */
function isElementExpected(actual: ModelElement, expected: ModelElement, tolerance: number): boolean {
  if (typeof expected === 'string' || expected instanceof Uint8Array)
    return (
      (typeof actual === 'string' || actual instanceof Uint8Array) &&
      Buffer.from(actual as string).equals(Buffer.from(expected as string))
    );
  if (typeof actual === 'bigint')
    return (typeof expected === 'bigint' || Number.isInteger(expected)) && actual === BigInt(expected);
  if (typeof actual !== 'number') return false;
  return isNear(actual, Number(expected), tolerance);
}
