import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A longer line is cut into several. */
const longestLine = 8_192;
/** Most lines in a second; what a model writes beyond that is counted, not kept. */
const linesPerSecond = 200;

/**
 * Passes on what a process writes, line by line. It reads however much comes, so that the process never waits.
 *
 * @param write A line, without its end.
 * @param now Milliseconds of a clock that never goes back.
 */
export function readLines(from: Readable, write: (line: string) => void, now: () => number): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let second = now();
  let written = 0;
  let dropped = 0;
  const put = (line: string): void => {
    if (now() - second >= 1_000) {
      if (dropped > 0) write(`… ${dropped} more lines in one second were dropped`);
      second = now();
      written = 0;
      dropped = 0;
    }
    if (++written <= linesPerSecond) write(line);
    else dropped++;
  };
  from.on('data', (chunk: Buffer) => {
    rest += decoder.write(chunk);
    let start = 0;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
      if (end > start) put(rest.slice(start, end));
      start = end + 1;
    }
    rest = rest.slice(start);
    for (; rest.length > longestLine; rest = rest.slice(longestLine)) put(rest.slice(0, longestLine));
  });
  from.on('close', () => {
    if (rest !== '') put(rest);
    if (dropped > 0) write(`… ${dropped} more lines in one second were dropped`);
  });
  // A pipe that breaks has nothing more to say; the process itself is watched.
  from.on('error', () => undefined);
}
