import { randomUUID } from 'node:crypto';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  dayOf,
  formatInstant,
  instantOfUtcText,
  millisPerDay,
  startOfDay,
  type Log,
  type DescribedColumn,
} from 'vivace';
import { keptSetName, makeDirectory } from 'vivace/kit';
import { identifier, text } from './dialect.js';
import { fileChecksum } from './file-checksum.js';

/** Days that share a file once none of them is among the newest. */
const blockDays = 32;

/** How long a file stays that another one has taken the place of, milliseconds: for those who have found it before. */
const staysMs = 3_600_000;

interface Stretch {
  readonly first: number;
  readonly last: number;
}

/** A file of some days. */
interface KeptFile extends Stretch {
  readonly path: string;
  /** Of files of the same days the one of the greatest generation counts, and of these the last one by its path. */
  readonly generation: number;
  /** Of its bytes when it was written. */
  readonly checksum: string;
}

/** Writes the answer of a query to a Parquet file. */
type Copy = (sql: string, path: string) => Promise<void>;

/**
 * Sets of rows by day, each a directory of Parquet files: one per day for the newest days, and one for each 32 of those before them, since the price of
 * a small file is that of opening it. A file is written beside its place, made durable and renamed, so that it is whole whenever it is there.
 * No file is written over, since DuckDB reads a file in several steps: one with a greater generation takes its place, and where a file of many
 * days has come to be, it takes the place of those of its days. What has been replaced is removed an hour later, by the next write.
 *
 * Parquet has no checksum that DuckDB writes, so a file has that of its bytes in its name. One that differs is as good as not there.
 */
export class KeptDays {
  readonly #directory: string;
  readonly #log: Pick<Log, 'warn'>;
  /** Whether files that were read are as they were written. Keys: paths. */
  readonly #intact = new Map<string, boolean>();

  constructor(directory: string, log: Pick<Log, 'warn'>) {
    this.#directory = directory;
    this.#log = log;
  }

  /** What stands after FROM; `undefined` where no day is kept. */
  async from(
    name: string,
    { first = -Infinity, last = Infinity }: { readonly first?: number; readonly last?: number },
    describe: (sql: string) => Promise<readonly DescribedColumn[]>,
  ): Promise<string | undefined> {
    const files = current(await this.#listed(this.#of(name)));
    const wanted = await this.#undamaged(files.filter((file) => file.last >= first && file.first <= last));
    if (wanted.length === 0) return undefined;
    const bounds = [
      ...(Number.isFinite(first) ? [`kept_day >= ${first}`] : []),
      ...(Number.isFinite(last) ? [`kept_day <= ${last}`] : []),
    ];
    const columns = await describe(`SELECT * FROM ${parquet(wanted.slice(-1))}`);
    const rows = columnsAs(columns, (type) => type.replace('DECIMAL(38,0)', 'HUGEINT'));
    return `(SELECT ${rows} FROM ${parquet(wanted)}${bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`})`;
  }

  /** Replaces the rows of days by those of a table. */
  async replace(
    name: string,
    { days, table }: { readonly days: readonly number[]; readonly table: string },
    copy: Copy,
  ): Promise<void> {
    const directory = this.#of(name);
    await makeDirectory(directory);
    const found = await this.#listed(directory);
    const files = await this.#undamaged(current(found));
    for (const { first, last } of stretches(files, days)) {
      const replaced = days.filter((day) => day >= first && day <= last);
      const formers = files.filter((file) => file.first >= first && file.last <= last);
      const rows = [
        ...(replaced.length === 0
          ? []
          : [`SELECT * FROM ${table} AS t WHERE kept_day IN (${replaced.join(', ')})`]),
        // The rows of other days; those of one day alone are replaced as a whole.
        ...(formers.length === 0 || first === last
          ? []
          : [
              `SELECT * FROM ${parquet(formers)}${replaced.length === 0 ? '' : ` WHERE kept_day NOT IN (${replaced.join(', ')})`}`,
            ]),
      ];
      const unfinished = join(directory, `.${randomUUID()}`);
      try {
        await copy(`SELECT * FROM (${rows.join(' UNION ALL BY NAME ')}) AS r ORDER BY kept_day`, unfinished);
        await makeDurable(unfinished);
        const former = found.filter((file) => file.first === first && file.last === last);
        const generation = former.reduce((most, file) => Math.max(most, file.generation), 0) + 1;
        const checksum = await fileChecksum(unfinished);
        await rename(unfinished, join(directory, nameOf({ first, last, generation, checksum })));
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    }
    // A file is where it is once its directory says so on the disk.
    await makeDurable(directory, 'r');
    await removeReplaced(found, files);
    await removeUnfinished(directory);
  }

  /** The files of a set; of others of it nothing is remembered. */
  async #listed(directory: string): Promise<readonly KeptFile[]> {
    const files = await listed(directory);
    const paths = new Set(files.map(({ path }) => path));
    for (const path of this.#intact.keys())
      if (dirname(path) === directory && !paths.has(path)) this.#intact.delete(path);
    return files;
  }

  /** Those whose bytes are what was written; each is read once. */
  async #undamaged(files: readonly KeptFile[]): Promise<readonly KeptFile[]> {
    const undamaged: KeptFile[] = [];
    for (const file of files) {
      const { path, checksum } = file;
      if (!this.#intact.has(path)) {
        const isIntact = (await fileChecksum(path)) === checksum;
        this.#intact.set(path, isIntact);
        if (!isIntact) this.#log.warn(`${path} is damaged: it is left out, and its days are folded anew`);
      }
      if (this.#intact.get(path) === true) undamaged.push(file);
    }
    return undamaged;
  }

  #of(name: string): string {
    return join(this.#directory, keptSetName(name));
  }
}

/** What stands after SELECT for columns some of which are cast to other types: Parquet has no integers of 128 bits, and DuckDB writes floats for them. */
export function columnsAs(columns: readonly DescribedColumn[], typeFor: (type: string) => string): string {
  const cast = columns.flatMap(({ name, nativeType }) => {
    const type = typeFor(nativeType);
    return type === nativeType ? [] : [`CAST(${identifier(name)} AS ${type}) AS ${identifier(name)}`];
  });
  return cast.length === 0 ? '*' : `* REPLACE (${cast.join(', ')})`;
}

/** The files to write, in the order of their days: those of `days`, and those that join days that are no longer among the newest. */
function stretches(files: readonly KeptFile[], days: readonly number[]): readonly Stretch[] {
  const blockOf = (day: number): number => Math.floor(day / blockDays);
  const newest = [...files.map(({ last }) => last), ...days].reduce((a, b) => Math.max(a, b), -Infinity);
  const single = days.filter((day) => blockOf(day) === blockOf(newest));
  const joined = [...days, ...files.filter(({ first, last }) => first === last).map(({ first }) => first)]
    .map(blockOf)
    .filter((block) => block !== blockOf(newest));
  return [
    ...single.map((day) => ({ first: day, last: day })),
    ...[...new Set(joined)].map((block) => ({
      first: block * blockDays,
      last: (block + 1) * blockDays - 1,
    })),
  ].sort((a, b) => a.first - b.first);
}

async function listed(directory: string): Promise<readonly KeptFile[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return names.flatMap((name): KeptFile[] => {
    const [, first, last = first, generation, checksum] =
      /^([\d-]{10})(?:_([\d-]{10}))?\.(\d+)-([0-9a-f]{8})\.parquet$/.exec(name) ?? [];
    if (first === undefined || checksum === undefined) return [];
    const day = (date: string): number => dayOf(instantOfUtcText(date) ?? NaN);
    const path = join(directory, name);
    return [{ first: day(first), last: day(last!), generation: Number(generation), checksum, path }];
  });
}

/** The files that count, in the order of their days. */
function current(files: readonly KeptFile[]): readonly KeptFile[] {
  const counts = (file: KeptFile): boolean => !files.some((other) => replaces(other, file));
  return files.filter(counts).sort((a, b) => a.first - b.first);
}

/** Whether a file has taken the place of another one. */
function replaces(file: KeptFile, former: KeptFile): boolean {
  const isSame = file.first === former.first && file.last === former.last;
  if (!isSame) return file.first <= former.first && file.last >= former.last;
  return file.generation === former.generation
    ? file.path > former.path
    : file.generation > former.generation;
}

/** Removes files that others have taken the place of long enough ago. */
async function removeReplaced(found: readonly KeptFile[], files: readonly KeptFile[]): Promise<void> {
  for (const file of found) {
    const by = files.find((other) => replaces(other, file));
    if (by !== undefined && (await isOlder(by.path, staysMs))) await rm(file.path, { force: true });
  }
}

async function isOlder(path: string, ms: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > ms;
}

function nameOf({ first, last, generation, checksum }: Omit<KeptFile, 'path'>): string {
  const date = (day: number): string => (formatInstant(startOfDay(day)) ?? '').slice(0, 10);
  const days = first === last ? date(first) : `${date(first)}_${date(last)}`;
  return `${days}.${generation}-${checksum}.parquet`;
}

function parquet(files: readonly KeptFile[]): string {
  return `read_parquet([${files.map(({ path }) => text(path)).join(', ')}], hive_partitioning = false)`;
}

async function makeDurable(path: string, flags = 'r+'): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes what killed processes have begun, once it is a day old. */
async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (name.startsWith('.') && (await isOlder(path, millisPerDay))) await rm(path, { force: true });
  }
}
