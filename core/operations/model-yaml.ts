import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError, pathText } from '../config/mistake.js';
import { parseValue } from '../config/parse.js';
import { parseYamlFile } from '../config/yaml-file.js';
import { bundleManifest, tensorSpec } from '../models/bundle.js';
import { cannotRead, wrongOption } from './wrong-option.js';

const names = z.array(z.string().min(1)).min(1);

/** What a folder says of the model in it. */
const modelYaml = z.strictObject({
  /** The kind of runtime that hosts it. */
  runtime: z.string().min(1).optional(),
  /** The file that the runtime loads. */
  entry: z.string().min(1).optional(),
  /** What fills the only input, in order; or the columns of each input. */
  columns: z.union([names, z.record(z.string(), names)]).optional(),
  /** Outputs by name, as texts such as `label:INT64[-1]`, or as tensors. */
  outputs: z
    .array(z.union([z.string(), tensorSpec]))
    .min(1)
    .optional(),
  over: z.enum(['row', 'request']).optional(),
  selfTest: bundleManifest.shape.selfTest,
});

export type ModelYaml = z.output<typeof modelYaml>;

/**
 * Reads the `model.yaml` of a folder.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with each mistake and its line.
 */
export async function readModelYaml(path: string): Promise<ModelYaml> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw cannotRead(path, cause);
  });
  try {
    const file = parseYamlFile(text, path, {});
    const { mistakes } = file;
    const parsed = parseValue(modelYaml, file.value);
    if (mistakes.length === 0 && parsed.mistakes === undefined) return parsed.value;
    const said = [...mistakes, ...(parsed.mistakes ?? [])]
      .map(({ path: at, message }) => ({ line: file.lineOf(at) ?? 1, text: `${pathText(at)}: ${message}` }))
      .toSorted((one, other) => one.line - other.line);
    throw wrongOption('file', said.map(({ line, text: of }) => `${path}:${line}: ${of}`).join('; '));
  } catch (error) {
    if (error instanceof ConfigError) throw wrongOption('file', error.message, error);
    throw error;
  }
}
