import {
  collectModels,
  diffModels,
  formatMillis,
  listModels,
  promoteModel,
  pullModel,
  rollbackModel,
  shapeText,
  showModel,
  verifyModels,
  type ListedModel,
  type ShownModel,
  type TensorSpec,
  type TransferProgress,
} from 'vivace';
import { CheckNotes } from '../check-notes.js';
import { exitCodes } from '../exit-codes.js';
import { withRepository, type WithRepository } from '../model-place.js';
import { durationOf, positiveOf } from '../option-values.js';
import type { WithJson } from '../options.js';
import { count, size } from '../progress.js';
import { pushModelOf, type PushOptions } from '../push-model.js';
import type { Run } from '../run.js';
import type { Terminal } from '../terminal.js';
import { TransferNotes } from '../transfer-notes.js';
import { UsageError } from '../usage-error.js';

export interface ReadOptions extends Omit<WithRepository, 'to'>, WithJson {}
export type ListOptions = ReadOptions;

export interface PullOptions extends ReadOptions {
  readonly to: string;
}

export interface MoveOptions extends ReadOptions {
  readonly alias?: string;
  readonly version?: string;
  readonly note?: string;
  readonly incompatible?: true;
}

export interface CollectCommandOptions extends ReadOptions {
  readonly keep: string;
  readonly olderThan: string;
  readonly protect: readonly string[];
  readonly dryRun?: true;
}

const from = { option: 'from' } as const;

function writeJson(terminal: Terminal, value: unknown): void {
  terminal.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Runs a transfer with its progress, which ends in good order whatever happens. */
async function showing<T>(notes: TransferNotes, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    notes.leave();
    throw error;
  }
}

/** Pushes a version of a model, and prints its name, version and alias. */
export async function push(
  files: readonly string[],
  options: PushOptions & WithJson,
  { terminal, notes }: Run,
): Promise<void> {
  const transfer = new TransferNotes(options.name, notes);
  const checking = new CheckNotes(options.name, notes);
  let found = 0;
  const pushing = {
    terminal,
    onCheck: checking.update,
    onProgress(progress: TransferProgress) {
      found = progress.foundBytes;
      transfer.update(progress);
    },
  };
  const pushed = await showing(transfer, () => pushModelOf(files, options, pushing)).catch(
    (error: unknown) => {
      const { failed: check } = checking;
      if (options.json === true && check !== undefined)
        writeJson(terminal, { name: options.name, version: null, alias: null, check });
      throw error;
    },
  );
  const { manifest, alias, unused, check = null } = pushed;
  const { name, version } = manifest;
  transfer.finish(`${sizeOf(manifest.files)}${found === 0 ? '' : `, ${size(found)} of it there already`}`);
  if (unused !== undefined && options.to === undefined) notes.write(`${unused}\n`);
  if (options.json === true) return writeJson(terminal, { name, version, alias: alias ?? null, check });
  terminal.stdout.write(`${named({ name, version }, alias)}\n`);
}

function named({ name, version }: { name: string; version: string }, alias: string | undefined): string {
  return `${name} ${version}${alias === undefined ? '' : ` (${alias})`}`;
}

function sizeOf(files: readonly { readonly sizeBytes: number }[]): string {
  return size(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
}

/** Prints the versions of every model, or of one. */
export async function list(
  name: string | undefined,
  options: ListOptions,
  { terminal, notes }: Run,
): Promise<void> {
  const models = await withRepository(options, from, terminal, (server, repository) =>
    listModels(server, { repository, ...(name === undefined ? {} : { name }) }, { signal: terminal.signal }),
  );
  if (options.json === true) return writeJson(terminal, models);
  for (const model of models) terminal.stdout.write(`${lineOf(model)}\n`);
  if (models.length === 0)
    notes.write(name === undefined ? 'no models yet\n' : `there is no model "${name}"\n`);
}

function lineOf({ name, version, aliases }: ListedModel): string {
  return [name, version, ...aliases].join('\t');
}

/** Prints what the repository knows of a version. */
export async function show(model: string, options: ReadOptions, { terminal }: Run): Promise<void> {
  const shown = await withRepository(options, from, terminal, (server, repository) =>
    showModel(server, { repository, model }, { signal: terminal.signal }),
  );
  if (options.json === true) return writeJson(terminal, shown);
  const width = Math.max(...shownLines(shown).map(([label]) => label.length));
  for (const [label, text] of shownLines(shown)) terminal.stdout.write(`${label.padEnd(width)}  ${text}\n`);
}

function shownLines({ manifest, aliases, histories }: ShownModel): readonly (readonly [string, string])[] {
  const { name, version, runtime, entry, files, signature, pushed, featuresLock = {}, info = {} } = manifest;
  return [
    ['model', named({ name, version }, aliases.length === 0 ? undefined : aliases.join(', '))],
    ['runtime', `${runtime}, which loads ${entry}`],
    ...(pushed === undefined ? [] : ([['pushed', `${pushed.at} by ${pushed.by}`]] as const)),
    ...signature.inputs.map(
      ({ columns, ...tensor }) =>
        [
          'input',
          `${tensorText(tensor)}${columns === undefined ? '' : ` of ${columns.join(', ')}`}`,
        ] as const,
    ),
    ...signature.outputs.map((tensor) => ['output', tensorText(tensor)] as const),
    ...(signature.over === 'request' ? ([['over', 'whole requests']] as const) : []),
    ...files.map(({ path, sizeBytes }) => ['file', `${path}, ${size(sizeBytes)}`] as const),
    ...Object.entries(featuresLock).map(([view, { hash }]) => ['view', `${view} ${hash}`] as const),
    ...Object.entries(info).map(([key, value]) => ['info', `${key}: ${JSON.stringify(value)}`] as const),
    ...Object.entries(histories).flatMap(([alias, entries]) =>
      entries.map(
        ({ version: of, at, by, kind, note }) =>
          [
            alias,
            `${of}, ${kind} at ${formatMillis(at)} by ${by}${note === undefined ? '' : `: ${note}`}`,
          ] as const,
      ),
    ),
  ];
}

function tensorText(tensor: TensorSpec): string {
  return `${tensor.name} ${tensor.datatype} ${shapeText(tensor)}`;
}

/** Copies a version to a folder, and prints its name, version and alias. */
export async function pull(
  model: string,
  { to, ...options }: PullOptions,
  { terminal, notes }: Run,
): Promise<void> {
  const transfer = new TransferNotes(model, notes);
  const { manifest, alias } = await showing(transfer, () =>
    withRepository(options, from, terminal, (server, repository) =>
      pullModel(
        server,
        { model, to, repository, directory: terminal.directory, onProgress: transfer.update },
        { signal: terminal.signal },
      ),
    ),
  );
  const { name, version, files } = manifest;
  transfer.finish(sizeOf(files));
  if (options.json === true) return writeJson(terminal, { name, version, alias: alias ?? null, to });
  terminal.stdout.write(`${named({ name, version }, alias)}\n`);
}

/** Points an alias at a version, and says where it pointed before. */
export async function promote(
  model: string,
  { alias, note, incompatible, ...options }: MoveOptions,
  { terminal }: Run,
): Promise<void> {
  const moved = await withRepository(options, from, terminal, (server, repository) =>
    promoteModel(
      server,
      { model, repository, ...given({ alias, note, incompatible }) },
      { signal: terminal.signal },
    ),
  );
  writeMoved(moved, options, terminal);
}

/** Points an alias at the version that it had before. */
export async function rollback(
  model: string,
  { version, note, incompatible, ...options }: MoveOptions,
  { terminal }: Run,
): Promise<void> {
  const moved = await withRepository(options, from, terminal, (server, repository) =>
    rollbackModel(
      server,
      { model, repository, ...given({ version, note, incompatible }) },
      { signal: terminal.signal },
    ),
  );
  writeMoved(moved, options, terminal);
}

/** Options that were given. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function writeMoved(
  moved: { name: string; version: string; alias: string; before: string | undefined },
  { json }: WithJson,
  terminal: Terminal,
): void {
  const { name, version, alias, before = null } = moved;
  if (json === true) return writeJson(terminal, { name, version, alias, before });
  const was = before === null || before === version ? '' : `, before ${before}`;
  terminal.stdout.write(`${name} ${version} (${alias}${was})\n`);
}

/** Prints what differs between two versions. */
export async function diff(
  models: { readonly from: string; readonly to: string },
  options: ReadOptions,
  { terminal, notes }: Run,
): Promise<void> {
  const found = await withRepository(options, from, terminal, (server, repository) =>
    diffModels(server, { ...models, repository }, { signal: terminal.signal }),
  );
  if (options.json === true) return writeJson(terminal, found);
  for (const { what, from: was, to: is } of found.changes)
    terminal.stdout.write(`${what}: ${comparedText(was)} -> ${comparedText(is)}\n`);
  if (found.changes.length === 0) notes.write('no difference\n');
  const { name, version } = found.to;
  if (found.incompatible !== null)
    notes.write(`${name} ${version} cannot take the place of ${found.from.version}: ${found.incompatible}\n`);
  else if (found.changes.length > 0)
    notes.write(`${name} ${version} can take the place of ${found.from.version} while servers run\n`);
}

/** The longest value that a comparison shows whole. */
const longestCompared = 120;

/** A value as people compare it: of a file the size and the beginning of its digest, and of what is long the beginning. */
function comparedText(value: unknown): string {
  if (value === null) return 'none';
  const { sizeBytes, sha256 } = value as { readonly sizeBytes?: unknown; readonly sha256?: unknown };
  if (typeof sizeBytes === 'number' && typeof sha256 === 'string')
    return `${size(sizeBytes)}, SHA-256 ${sha256.slice(0, 12)}…`;
  const text = JSON.stringify(value);
  return text.length > longestCompared ? `${text.slice(0, longestCompared)}…` : text;
}

/** Prints what is wrong in a repository. */
export async function verify(name: string | undefined, options: ReadOptions, run: Run): Promise<void> {
  const { terminal, notes } = run;
  const transfer = new TransferNotes('verify', notes);
  const report = await showing(transfer, () =>
    withRepository(options, from, terminal, (server, repository) =>
      verifyModels(
        server,
        { repository, onProgress: transfer.update, ...(name === undefined ? {} : { name }) },
        { signal: terminal.signal },
      ),
    ),
  );
  const { versions, files, bytes, aliases, findings } = report;
  transfer.finish(size(bytes));
  if (findings.some(({ kind }) => kind !== 'left-over')) run.exitCode = exitCodes.failed;
  if (options.json === true) return writeJson(terminal, report);
  for (const finding of findings)
    terminal.stdout.write(`${finding.kind}\t${finding.name}\t${finding.version}\t${finding.message}\n`);
  notes.write(
    `${count(versions)} versions, ${count(files)} files (${size(bytes)}), ${count(aliases)} aliases, ${count(findings.length)} findings\n`,
  );
}

/** Removes old versions, and prints them. */
export async function gc(
  name: string | undefined,
  { keep, olderThan, protect, dryRun, ...options }: CollectCommandOptions,
  { terminal, notes }: Run,
): Promise<void> {
  const kept = positiveOf('--keep', keep, 1_000_000);
  if (!Number.isInteger(kept)) throw new UsageError(`--keep: "${keep}" is not a whole number`);
  const olderThanMs = durationOf('--older-than', olderThan);
  const gone = await withRepository(options, from, terminal, (server, repository) =>
    collectModels(
      server,
      { repository, keep: kept, olderThanMs, protect, ...given({ name, dryRun }) },
      { signal: terminal.signal },
    ),
  );
  if (options.json === true) return writeJson(terminal, gone);
  for (const { name: of, version, sizeBytes, leftOver } of gone)
    terminal.stdout.write(
      `${[of, version, size(sizeBytes), ...(leftOver === true ? ['left over'] : [])].join('\t')}\n`,
    );
  const bytes = gone.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  notes.write(
    `${count(gone.length)} versions, ${size(bytes)} ${dryRun === true ? 'would be removed' : 'removed'}\n`,
  );
}
