import { bundleManifest, VivaceError, type BundleManifest, type ModelVersion } from 'vivace';
import { checkDocument, parseDocument } from './documents.js';
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
  const manifest = parseDocument(bytes, bundleManifest, {
    broken: (why, more) => new VivaceError('DATA_LOSS', `${where} is not a manifest: ${why}${remedy}`, more),
    newer: (why) =>
      new VivaceError(
        'FAILED_PRECONDITION',
        `${where} was made by a newer Vivace: ${why}; update this server, or serve a version that it knows`,
      ),
  });
  if (manifest.name !== model.name || manifest.version !== model.version) {
    throw new VivaceError('DATA_LOSS', `${where} says it is ${manifest.name} ${manifest.version}${remedy}`);
  }
  return manifest;
}

/**
 * Checks a manifest that a caller gives.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with the first place that is wrong.
 */
export function checkManifest(given: BundleManifest): BundleManifest {
  const wrong = (why: string, more: { readonly path?: string } = {}): VivaceError =>
    new VivaceError('INVALID_ARGUMENT', `the given manifest is not a manifest: ${why}`, more);
  return checkDocument(given, bundleManifest, { broken: wrong, newer: wrong });
}

/** What to do about a version that is damaged in the repository, as the end of a message: a version that is there is never written again. */
export function remedyFor({ name, version }: ModelVersion): string {
  const key = versionPrefix({ name, version });
  return `: put back what was stored, or delete everything under ${key} in the blob store and push the model again`;
}

/**
 * All bytes of a small blob.
 *
 * @param where What the blob is, for messages.
 * @param remedy What the error ends with: what to do about it.
 */
export async function readWhole(
  content: AsyncIterable<Uint8Array>,
  where: string,
  remedy = '',
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > largestManifestBytes)
      throw new VivaceError('DATA_LOSS', `${where} has more than ${largestManifestBytes} bytes${remedy}`);
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
