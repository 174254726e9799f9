import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface FlightsAnswer {
  readonly objects: readonly { readonly destination: string; readonly delay: number }[];
  readonly degraded: readonly unknown[];
}

/**
 * Runs the flights example as users do: waits until it serves, sends what it proposes, and asks it to end.
 *
 * @returns The answer, and its exit code.
 */
export async function runFlights(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly answer: FlightsAnswer; readonly exitCode: number | null }> {
  const child = spawn(process.execPath, ['dist/examples/flights/start.js', ...args], {
    env: { ...process.env, ...env, PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
  let answer: FlightsAnswer;
  try {
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      lines.push(line);
      if (line.startsWith('also:')) break;
    }
    const printed = lines.join('\n');
    const url = /curl -s (\S+)/.exec(printed)?.[1];
    const body = /-d '(.*)'$/m.exec(printed)?.[1];
    if (url === undefined || body === undefined) throw new Error(`the example did not serve:\n${printed}`);
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', body, headers });
    answer = (await response.json()) as FlightsAnswer;
  } finally {
    child.kill('SIGTERM');
  }
  return { answer, exitCode: await exited };
}
