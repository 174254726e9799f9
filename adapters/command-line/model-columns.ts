import type { Signature } from 'vivace';
import { mistake } from './configuration.js';

/**
 * Adds the columns of `--columns` to the inputs of a signature.
 *
 * @param given `a,b,c` for a model with one input, `tensor=a,b,c` per input otherwise.
 * @throws {VivaceError} `INVALID_ARGUMENT` for inputs that are not there.
 */
export function withColumns(signature: Signature, given: readonly string[]): Signature {
  const columns = new Map<string, readonly string[]>();
  const known = signature.inputs.map(({ name }) => name);
  for (const text of given) {
    const [, named, list = ''] = /^(?:([^=]+)=)?(.*)$/.exec(text) ?? [];
    if (named === undefined && known.length > 1)
      throw mistake(
        `--columns: the model has the inputs ${known.join(', ')}: write <input>=<columns> for each`,
      );
    const tensor = named ?? known[0]!;
    if (!known.includes(tensor))
      throw mistake(`--columns: the model has no input "${tensor}"; it has ${known.join(', ')}`);
    const names = list.split(',').map((name) => name.trim());
    if (names.includes('')) throw mistake(`--columns: "${text}" has an empty name`);
    columns.set(tensor, names);
  }
  return {
    ...signature,
    inputs: signature.inputs.map((input) => {
      const names = columns.get(input.name);
      return names === undefined ? input : { ...input, columns: [...names] };
    }),
  };
}

/**
 * Checks that as many columns fill an input as a row of its tensor has values: for a model that no pipeline uses yet. A pipeline knows
 * the types of its columns, and that some are vectors.
 */
export function checkCounts({ inputs }: Signature): void {
  for (const { name, shape, columns } of inputs) {
    const width = shape.slice(1).reduce((product, size) => product * size, 1);
    if (columns === undefined || width < 0 || columns.length === width) continue;
    throw mistake(
      `--columns: ${columns.length} columns for the input "${name}" ${shapeText(shape)}, whose rows take ${width}`,
    );
  }
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.map((size) => (size === -1 ? 'N' : size)).join(', ')}]`;
}
