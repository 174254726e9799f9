import {
  bundleManifest,
  messageOf,
  parseValue,
  VivaceError,
  type BundleManifest,
  type ModelVersion,
} from 'vivace';
import { versionPrefix } from './keys.js';

/** A manifest is read whole; a larger blob is not a manifest. */
const largestManifestBytes = 4_194_304;

/**
 * Reads and checks a manifest: a path in it cannot leave the bundle's directory.
 *
 * @param remedy What the error ends with: what to do about it.
 * @throws {VivaceError} `DATA_LOSS` where the bytes are not a manifest, or are that of another version; `FAILED_PRECONDITION` where a newer
 *   Vivace has made it.
 */
export function parseManifest(bytes: Uint8Array, model: ModelVersion, remedy = ''): BundleManifest {
  const where = `model.json of ${model.name} ${model.version}`;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new VivaceError('DATA_LOSS', `${where} is not valid JSON: ${messageOf(cause)}${remedy}`, { cause });
  }
  const manifest = checkManifest(json, where, { code: 'DATA_LOSS', remedy });
  if (manifest.name !== model.name || manifest.version !== model.version) {
    throw new VivaceError('DATA_LOSS', `${where} says it is ${manifest.name} ${manifest.version}${remedy}`);
  }
  return manifest;
}

/** Checks a manifest by its schema; the error names the first place that is wrong. */
export function checkManifest(
  json: unknown,
  where: string,
  { code, remedy = '' }: { readonly code: 'DATA_LOSS' | 'INVALID_ARGUMENT'; readonly remedy?: string },
): BundleManifest {
  const parsed = parseValue(bundleManifest, json);
  if (parsed.mistakes === undefined) return parsed.value;
  const [{ path, message }] = parsed.mistakes;
  if (code === 'DATA_LOSS' && isNewer(json))
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `${where} was made by a newer Vivace: ${path.join('.')}: ${message}; update this server, or serve a version that it knows`,
    );
  throw new VivaceError(code, `${where} is not a manifest: ${path.join('.')}: ${message}${remedy}`, {
    path: path.join('.'),
  });
}

/** What to do about a version that is damaged in the repository, as the end of a message: a version that is there is never written again. */
export function remedyFor({ name, version }: ModelVersion): string {
  const key = versionPrefix({ name, version });
  return `: put back what was stored, or delete everything under ${key} in the blob store and push the model again`;
}

/** Whether a manifest is of a later format, or has keys that are not known here and nothing else that is wrong. */
function isNewer(json: unknown): boolean {
  const { format } = Object(json) as { readonly format?: unknown };
  if (typeof format === 'number' && Number.isInteger(format) && format > 1) return true;
  const mistakes = parseValue(bundleManifest, json).mistakes ?? [];
  return mistakes.length > 0 && mistakes.every(({ message }) => message.startsWith('unknown key'));
}

/** All bytes of a small blob. */
export async function readWhole(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > largestManifestBytes)
      throw new VivaceError('DATA_LOSS', `more than ${largestManifestBytes} bytes`);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
