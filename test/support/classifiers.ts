import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixtures } from '../fixtures/bundles.js';

/** What the libraries that trained the classifiers of test/fixtures answer, by make_classifiers.py. */
export interface Expected {
  readonly rows: readonly (readonly [number, number, number, number])[];
  readonly models: Readonly<
    Record<
      string,
      { readonly label: readonly (number | string)[]; readonly probabilities: readonly (readonly number[])[] }
    >
  >;
}

/** The path of one of them. */
export const classifier = (name: string): string => join(fixtures, 'classifiers', `${name}.onnx`);

export const expected = JSON.parse(
  readFileSync(join(fixtures, 'classifiers/expected.json'), 'utf8'),
) as Expected;
