import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** The folder of the example in the source tree: its YAML files and models are there, not beside the compiled program. */
export const directory = fileURLToPath(new URL('../../../examples/flights/', import.meta.url));

export const configuration = `${directory}vivace.yaml`;

/** A spine file of the example. */
export function spine(file: 'train-spine.yaml' | 'test-spine.yaml'): object {
  return parse(readFileSync(`${directory}${file}`, 'utf8')) as object;
}
