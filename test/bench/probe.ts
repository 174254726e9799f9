import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks for health ten times a second; how long each took, milliseconds, `Infinity` where it was not 200. */
export async function probe(url: string, signal: AbortSignal): Promise<number[]> {
  const took: number[] = [];
  while (!signal.aborted) {
    const from = performance.now();
    const ok = await fetch(url).then(
      async (answer) => (await answer.text(), answer.ok),
      () => false,
    );
    took.push(ok ? performance.now() - from : Infinity);
    await sleep(100);
  }
  return took;
}
