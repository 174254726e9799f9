import { open } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { cannotRead } from './wrong-option.js';

/** The kind of a model by the end of its file's name. */
const kinds: Readonly<Record<string, string>> = {
  '.onnx': 'onnx',
  '.js': 'javascript',
  '.mjs': 'javascript',
  '.py': 'python',
  '.joblib': 'sklearn',
  '.ubj': 'xgboost',
};
/** How a booster's text begins: others are called .txt and .json, too. */
const boosters: Readonly<Record<string, readonly [kind: string, begins: RegExp]>> = {
  '.txt': ['lightgbm', /^tree\r?\n/],
  '.json': ['xgboost', /^\s*\{\s*"(?:learner|version)"/],
};
const boosterBytes = 200;

/** What to say of a model whose kind nothing tells. */
export const unknownKind =
  'the name does not tell which runtime hosts the model: it is an .onnx, .js, .mjs, .py, .joblib or .ubj file, a booster of LightGBM (.txt) or XGBoost (.json), or the folder of a model.yaml; otherwise name the runtime';

/**
 * The kind of a model by the name of its file and, for boosters, by how it begins; `undefined` where neither tells.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where the file has to be read and cannot be.
 */
export async function kindOf(path: string): Promise<string | undefined> {
  if (basename(path) === 'remote.json') return 'remote';
  const extension = extname(path);
  const booster = boosters[extension];
  if (booster === undefined) return kinds[extension];
  const [kind, begins] = booster;
  return begins.test(await beginningOf(path)) ? kind : undefined;
}

async function beginningOf(path: string): Promise<string> {
  const file = await open(path).catch((cause: unknown) => {
    throw cannotRead(path, cause);
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(boosterBytes), 0, boosterBytes, 0);
    return buffer.subarray(0, bytesRead).toString('latin1');
  } catch (cause) {
    throw cannotRead(path, cause);
  } finally {
    await file.close();
  }
}
