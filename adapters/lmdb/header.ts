import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { VivaceError } from 'vivace';

const magic = 0xbeefc0de;
const dataVersion = 2;
/** Offsets in a meta page, its page header of 24 bytes included. */
const at = { magic: 24, version: 28, pageSize: 48, lastPage: 144, transaction: 152 };
const metaBytes = at.transaction + 8;

interface Meta {
  readonly pageSize: number;
  readonly transaction: bigint;
  /** The least size of a file with this meta. */
  readonly fileBytes: bigint;
}

/**
 * Checks the meta pages of a database before LMDB maps it: given a damaged or shortened file, LMDB ends the process (SIGSEGV, SIGBUS)
 * instead of throwing.
 *
 * @throws {VivaceError} `DATA_LOSS` where the file is not an LMDB database of this version, or shorter than its last flushed meta says.
 * @see https://github.com/kriszyp/lmdb-js: `MDB_meta` and `mdb_env_pick_meta` in its `mdb.c`
 */
export async function checkHeader(directory: string): Promise<void> {
  const path = join(directory, 'data.mdb');
  const file = await open(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    if (size === 0) return;
    const first = await readMeta(file, 0);
    if (first === undefined) {
      throw new VivaceError('DATA_LOSS', `${path} is not an LMDB database: remove it and materialize again`);
    }
    const { fileBytes } =
      (await readMeta(file, first.pageSize / 2)) ?? newer(first, await readMeta(file, first.pageSize));
    if (BigInt(size) < fileBytes) {
      throw new VivaceError(
        'DATA_LOSS',
        `${path} has only ${size} of its ${fileBytes} bytes: remove it and materialize again`,
      );
    }
  } finally {
    await file.close();
  }
}

async function readMeta(file: FileHandle, position: number): Promise<Meta | undefined> {
  const bytes = new DataView(new ArrayBuffer(metaBytes));
  const { bytesRead } = await file.read(bytes, 0, metaBytes, position);
  const known =
    bytesRead === metaBytes &&
    bytes.getUint32(at.magic, true) === magic &&
    bytes.getUint16(at.version, true) === dataVersion;
  if (!known) return undefined;
  const pageSize = bytes.getUint32(at.pageSize, true);
  return {
    pageSize,
    transaction: bytes.getBigUint64(at.transaction, true),
    fileBytes: (bytes.getBigUint64(at.lastPage, true) + 1n) * BigInt(pageSize),
  };
}

function newer(one: Meta, other: Meta | undefined): Meta {
  return other !== undefined && other.transaction > one.transaction ? other : one;
}
