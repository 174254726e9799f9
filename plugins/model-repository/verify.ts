import { isVivaceError, VivaceError, type BlobContent, type BundleManifest, type ErrorCode } from 'vivace';
import { createHash } from 'node:crypto';

type FileEntry = BundleManifest['files'][number];

/**
 * Passes content on while its size and SHA-256 are taken. Where they are not those of the manifest it throws instead of ending, so
 * that the writer of the content keeps nothing of it.
 *
 * @param options.remedy What the error ends with: what to do about it.
 */
export async function* verified(
  content: BlobContent,
  file: FileEntry,
  { code, remedy = '' }: { readonly code: ErrorCode; readonly remedy?: string },
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of content instanceof Uint8Array ? [content] : content) {
    size += chunk.length;
    if (size > file.sizeBytes) break;
    hash.update(chunk);
    yield chunk;
  }
  if (size !== file.sizeBytes) {
    const actual = size > file.sizeBytes ? 'longer' : `${size} bytes`;
    throw new VivaceError(
      code,
      `${file.path} is ${actual}, but the manifest says ${file.sizeBytes} bytes${remedy}`,
    );
  }
  const sha256 = hash.digest('hex');
  if (sha256 !== file.sha256) {
    throw new VivaceError(
      code,
      `${file.path} has the SHA-256 ${sha256}, but the manifest says ${file.sha256}${remedy}`,
    );
  }
}

/** Whether content is what the manifest says. */
export async function isVerified(content: BlobContent, file: FileEntry): Promise<boolean> {
  const code = 'DATA_LOSS';
  try {
    const chunks = verified(content, file, { code });
    while ((await chunks.next()).done !== true);
    return true;
  } catch (error) {
    if (isVivaceError(error) && error.code === code && error.part === undefined) return false;
    throw error;
  }
}
