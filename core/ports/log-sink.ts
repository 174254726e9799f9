import { adapterPort } from './port.js';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogRecord {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly level: LogLevel;
  readonly message: string;
  /** The part that logs; `vivace` for the core. */
  readonly part: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly error?: unknown;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Writes log records. It never throws and never blocks for long. */
export interface LogSink {
  write(record: LogRecord): void;
}

export const logSink = adapterPort<LogSink>('log-sink', {
  write: { sync: true, anyState: true, quiet: true },
});
