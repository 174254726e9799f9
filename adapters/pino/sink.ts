import { open as openFile } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { DestinationStream, Logger } from 'pino';
import { type ErrorCode, type LogRecord, type LogSink, type PartLifecycle } from 'vivace';
import { loadSdk, makeDirectory, systemErrorCode } from 'vivace/kit';
import { ecsFields } from './ecs.js';
import type { PinoOptions } from './pino.js';
import { plainCopy } from './plain-copy.js';
import { prettyLine } from './pretty-line.js';

type Destination = DestinationStream & {
  once(event: 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  end(): void;
  destroy(): void;
};

/** A `LogSink` over pino: it never throws, and never waits for its destination. */
export class PinoSink implements LogSink, PartLifecycle {
  readonly #options: PinoOptions;
  readonly #place: number | string;
  readonly #redacted: ReadonlySet<string>;
  #destination: Destination | undefined;
  #logger: Logger | undefined;
  #complained = false;

  /** @param place A file descriptor or a path. */
  constructor(options: PinoOptions, place: number | string) {
    this.#options = options;
    this.#place = place;
    this.#redacted = new Set(options.redact.map((name) => name.toLowerCase()));
  }

  async start(): Promise<void> {
    const { pino } = await loadSdk('pino', async () => import('pino'));
    const { level, maxBufferBytes, serviceName } = this.#options;
    const destination = pino.destination({
      fd: typeof this.#place === 'number' ? this.#place : await open(this.#place),
      sync: false,
      maxLength: maxBufferBytes,
    }) as unknown as Destination;
    destination.on('error', (error) => this.#complain(error));
    this.#destination = destination;
    this.#logger = pino(
      {
        level,
        // Time, level and service stand in each record, under their ECS names.
        base: { 'service.name': serviceName ?? process.env['OTEL_SERVICE_NAME'] ?? 'vivace' },
        timestamp: false,
        messageKey: 'message',
        formatters: { level: (label) => ({ 'log.level': label }) },
      },
      destination,
    );
  }

  write(record: LogRecord): void {
    const logger = this.#logger;
    if (logger?.isLevelEnabled(record.level) !== true) return;
    try {
      const copy = (value: unknown): unknown => plainCopy(value, this.#redacted);
      if (this.#options.pretty) this.#destination?.write(prettyLine(record, copy));
      else logger[record.level](ecsFields(record, copy), record.message);
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Hands over what is buffered and closes a file. */
  async stop(): Promise<void> {
    const destination = this.#destination;
    this.#logger = undefined;
    this.#destination = undefined;
    if (destination === undefined) return;
    await new Promise<void>((resolve) => {
      destination.once('close', resolve);
      // What it cannot write now is lost; left open, it would keep the process from ending.
      destination.on('error', () => destination.destroy());
      destination.end();
    });
  }

  errorCode(error: unknown): ErrorCode | undefined {
    return systemErrorCode(error);
  }

  /** Says once, where a person may see it, that records are lost; a log cannot report its own outage. */
  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    process.stderr.write(`vivace: log records are lost: ${String(error)}\n`);
  }
}

/** Opens a file to append to, before pino does: a destination that failed to open would stop the process at its exit. */
async function open(path: string): Promise<number> {
  await makeDirectory(dirname(path));
  return promisify(openFile)(path, 'a');
}
