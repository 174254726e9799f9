import { randomBytes } from 'node:crypto';
import {
  asVivaceError,
  formatMillis,
  VivaceError,
  type BlobStore,
  type CallContext,
  type LogDays,
  type LogFile,
  type LogItem,
  type LogSource,
  type LogStream,
  type LogWriter,
  type PartContext,
  type PartLifecycle,
  type RemovedRows,
  type RowBatch,
  type RowsToRemove,
  type ServedLog,
  type Warehouse,
} from 'vivace';
import { LogFiles, type Encoder } from './log-files.js';
import { bytesOf, PushedStreams } from './pushed-streams.js';
import { LogMetrics, type DropReason } from './log-metrics.js';
import { folderOf, Segment } from './segment.js';
import type { ServedLogOptions } from './served-log.js';

/** A file whose rows cannot be encoded is given up after this many attempts: the next one would fail like the others. */
const encodeAttempts = 3;
/** How often it looks for segments that are old enough to be written, milliseconds. */
const lookEveryMs = 1000;

/** Why it does not keep something, as one who pushes is told: nothing is lost then, since nobody was told otherwise. */
const refusals: Record<DropReason, () => VivaceError> = {
  full: () => new VivaceError('RESOURCE_EXHAUSTED', 'the log is full, and its store is slow or away'),
  stopped: () => new VivaceError('UNAVAILABLE', 'the log is stopping, and takes no more rows'),
  encode: () => new VivaceError('INVALID_ARGUMENT', 'the rows cannot be written to a file'),
};

/** A `ServedLog` of Parquet files: segments fill in memory, and one worker writes those that are sealed, one after the other. */
export class FileLog implements ServedLog, PartLifecycle {
  readonly #options: ServedLogOptions;
  readonly #warehouse: Warehouse;
  readonly #blobs: BlobStore;
  readonly #context: PartContext;
  readonly #metrics: LogMetrics;
  readonly #written: LogFiles;
  readonly #instance: string;
  /** Segments that fill, per writer. */
  readonly #filling = new Map<object, Segment>();
  /** Segments to be written, the oldest first. */
  readonly #sealed: Segment[] = [];
  readonly #pushed = new PushedStreams();
  /** Writers of whose rows the log has said that some cannot be made. */
  readonly #told = new WeakSet<object>();
  #held = 0;
  #files = 0;
  #working = false;
  #stopping = false;
  #retry = new AbortController();

  constructor(
    options: ServedLogOptions,
    { encode, blobs }: { encode: Warehouse; blobs: BlobStore },
    context: PartContext,
  ) {
    this.#options = options;
    this.#warehouse = encode;
    this.#blobs = blobs;
    this.#context = context;
    this.#written = new LogFiles(options.prefix, { blobs, encoder: () => this.#encoder });
    // A name that is given may be that of a process before this one.
    const own = randomBytes(5).toString('hex');
    this.#instance = options.instance === undefined ? own : `${options.instance}-${own}`;
    this.#metrics = new LogMetrics(context, () => this.#held);
    context.every(Math.min(lookEveryMs, options.flushMs), () => this.#look());
  }

  start(): void {
    void this.#encoder;
  }

  /** Writes what is held, for as long as `stopMs`; the rest is lost, and counted. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const writer of this.#filling.keys()) this.#seal(writer);
    const controller = new AbortController();
    const done = new AbortController();
    void this.#context.delay(this.#options.stopMs, done.signal).then(() => controller.abort());
    await this.#drain(controller.signal);
    done.abort();
    const lost = this.#sealed.splice(0);
    for (const segment of lost) this.#drop(segment, 'stopped');
    if (lost.length > 0) {
      const requests = lost.reduce((sum, { count }) => sum + count, 0);
      this.#context.log.error('the log could not be written before the part had to stop', { requests });
    }
  }

  open<T>(stream: LogStream<T>): LogWriter<T> {
    const writer: LogWriter<T> = {
      keep: (item) => {
        const refused = this.#keep(writer, stream, item);
        if (refused !== undefined) this.#metrics.dropped(stream, { items: 1, rows: item.rows }, refused);
        return refused === undefined;
      },
    };
    return writer;
  }

  async append(source: LogSource, rows: RowBatch, { signal }: CallContext): Promise<void> {
    if (rows.rows === 0) return;
    const stream = this.#pushed.of(source, rows);
    const item = { item: rows, rows: rows.rows, bytes: bytesOf(rows) };
    const refused = this.#keep(stream, stream, item);
    if (refused !== undefined) throw refusals[refused]();
    // One that was full is sealed already.
    const segment = this.#filling.get(stream) ?? this.#sealed.at(-1)!;
    const stored = segment.stored(signal);
    // Its first push: also where the day has changed since the one before.
    if (segment.count === 1) {
      stored.catch(() => undefined);
      this.#context.run(async (context) => {
        await this.#context.delay(this.#options.appendMs, context.signal);
        if (this.#filling.get(stream) === segment) this.#seal(stream);
      });
    }
    await stored;
  }

  async flush({ signal }: CallContext): Promise<void> {
    for (const writer of this.#filling.keys()) this.#seal(writer);
    const stored = this.#sealed.map((segment) => segment.stored(signal));
    this.#wake();
    await Promise.all(stored);
  }

  files(source: LogSource, days: LogDays, context: CallContext): Promise<readonly LogFile[]> {
    return this.#written.files(source, days, context);
  }

  content(file: LogFile, context: CallContext): AsyncIterable<Uint8Array> {
    return this.#written.content(file, context);
  }

  rows(file: LogFile, columns: readonly string[] | undefined, context: CallContext): AsyncIterable<RowBatch> {
    return this.#written.rows(file, columns, context);
  }

  removeRows(file: LogFile, rows: RowsToRemove, context: CallContext): Promise<RemovedRows> {
    return this.#written.removeRows(file, rows, context);
  }

  get #encoder(): Encoder {
    const warehouse = this.#warehouse;
    if (warehouse.encode !== undefined && warehouse.decode !== undefined) return warehouse as Encoder;
    throw new VivaceError(
      'FAILED_PRECONDITION',
      'the warehouse in its slot "encode" makes no Parquet files: name another one, such as a duckdb',
    );
  }

  /** @returns Why it does not keep the item; `undefined` where it does. */
  #keep(
    writer: object,
    stream: LogStream<unknown>,
    { item, rows, bytes }: LogItem<unknown>,
  ): DropReason | undefined {
    if (this.#stopping) return 'stopped';
    if (this.#held + bytes > this.#options.maxBytes) return 'full';
    const { clock } = this.#context;
    const day = formatMillis(clock.now())!.slice(0, 10);
    let segment = this.#filling.get(writer);
    if (segment !== undefined && segment.day !== day) {
      this.#seal(writer);
      segment = undefined;
    }
    segment ??= new Segment(stream, { day, since: clock.monotonic() });
    try {
      segment.add(item, { rows, bytes });
    } catch (error) {
      // Once: the next request may well fail like this one, and each is counted.
      if (!this.#told.has(writer))
        this.#context.log.error('rows of the log cannot be made: they are dropped', {
          error,
          kind: stream.kind,
          name: stream.name,
        });
      this.#told.add(writer);
      return 'encode';
    }
    this.#filling.set(writer, segment);
    this.#held += bytes;
    if (segment.bytes >= this.#options.flushBytes) this.#seal(writer);
    return undefined;
  }

  #seal(writer: object): void {
    const segment = this.#filling.get(writer);
    if (segment === undefined) return;
    this.#filling.delete(writer);
    this.#sealed.push(segment);
    this.#wake();
  }

  #look(): void {
    const now = this.#context.clock.monotonic();
    for (const [writer, segment] of this.#filling)
      if (now - segment.since >= this.#options.flushMs) this.#seal(writer);
    if (this.#sealed.length > 0 && !this.#working) this.#wake();
  }

  #wake(): void {
    if (this.#stopping) return;
    this.#retry.abort();
    if (this.#working) return;
    this.#working = true;
    try {
      this.#context.run(async ({ signal }) => {
        try {
          await this.#drain(signal);
        } finally {
          this.#working = false;
        }
      });
    } catch {
      // The part is stopping: `stop` writes what is held.
      this.#working = false;
    }
  }

  /** Writes what is sealed until nothing is left or the signal aborts. What fails goes to the end of the line. */
  async #drain(signal: AbortSignal): Promise<void> {
    while (this.#sealed.length > 0 && !signal.aborted) {
      const segment = this.#sealed[0]!;
      try {
        await this.#write(segment, { signal });
        this.#remove(segment);
        this.#held -= segment.bytes;
        segment.ended();
      } catch (error) {
        if (signal.aborted) return;
        segment.attempts++;
        this.#remove(segment);
        this.#sealed.push(segment);
        this.#failed(segment, error);
        if (this.#sealed.length > 0) await this.#pause(signal);
      }
    }
  }

  #remove(segment: Segment): void {
    const at = this.#sealed.indexOf(segment);
    if (at >= 0) this.#sealed.splice(at, 1);
  }

  #failed(segment: Segment, error: unknown): void {
    const { attempts, content, stream } = segment;
    this.#metrics.failed(stream, content === undefined ? 'encode' : 'write');
    const isLast = content === undefined && attempts >= encodeAttempts;
    const more = { error, kind: stream.kind, name: stream.name, requests: segment.count };
    if (isLast) {
      this.#remove(segment);
      this.#drop(segment, 'encode');
      this.#context.log.error('rows of the log cannot be encoded: they are dropped', more);
    } else if (attempts === 1) {
      this.#context.log.warn('a file of the log could not be written: it is tried again', more);
    }
    segment.ended(asVivaceError(error));
  }

  /** Waits before the next attempt, until something new is to be written. */
  async #pause(signal: AbortSignal): Promise<void> {
    this.#retry = new AbortController();
    await this.#context.delay(this.#options.retryMs, AbortSignal.any([signal, this.#retry.signal]));
  }

  #drop(segment: Segment, reason: DropReason): void {
    this.#held -= segment.bytes;
    this.#metrics.dropped(segment.stream, { items: segment.count, rows: segment.rows }, reason);
    segment.ended(new VivaceError('UNAVAILABLE', 'the rows could not be written'));
  }

  async #write(segment: Segment, context: CallContext): Promise<void> {
    if (segment.content === undefined) {
      const content = await this.#encoder.encode(
        { fields: segment.stream.fields, batches: segment.batches() },
        'parquet',
        context,
      );
      this.#held += content.byteLength - segment.bytes;
      segment.encoded(content);
    }
    const content = segment.content!;
    for (;;) {
      const key = (segment.key ??= this.#newKey(segment));
      if ((await this.#blobs.write(key, content, context, 'absent')) !== false) break;
      // An attempt whose answer was lost has written it.
      const there = await this.#blobs.head(key, context);
      if (there?.sizeBytes === content.byteLength) break;
      segment.key = undefined;
    }
    this.#metrics.written(segment.stream, {
      items: segment.count,
      rows: segment.rows,
      bytes: content.byteLength,
    });
  }

  #newKey({ stream, day }: Segment): string {
    const number = String(this.#files++).padStart(6, '0');
    return `${folderOf(this.#options.prefix, stream)}dt=${day}/${this.#instance}-${number}.parquet`;
  }
}
