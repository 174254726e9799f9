import { messageOf, type LogRecord } from 'vivace';
import { timeText } from './ecs.js';

/** A record as a line for people: time, level, part, message, fields, error. */
export function prettyLine(record: LogRecord, copy: (value: unknown) => unknown): string {
  const fields = Object.entries((copy(record.fields) as object | undefined) ?? {}).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const head = `${timeText(record.time).slice(11, 23)} ${record.level.toUpperCase().padEnd(5)} ${record.part}: `;
  const trace = record.traceId === undefined ? '' : ` trace=${record.traceId} span=${record.spanId ?? ''}`;
  const line = `${head}${record.message}${fields.join('')}${trace}`.replaceAll('\n', '\\n');
  return `${line}${errorText(record.error)}\n`;
}

function errorText(error: unknown): string {
  if (error === undefined) return '';
  const texts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current !== undefined; depth++) {
    texts.push(messageOf(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return `: ${texts.join(' ← ').replaceAll('\n', '\\n')}`;
}
