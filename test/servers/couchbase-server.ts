import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { pathOf, program, vendored, type Found } from './programs.js';
import { ServerProcess } from './server-process.js';

const jar = vendored('CouchbaseMock-1.5.25.jar');
const java = program('java');

/** What suites over `CouchbaseServer` need. */
export const couchbaseMock: readonly Found[] = [jar, java];

/** Status codes of the key-value protocol that the mock can be told to answer. */
export const kvStatus = {
  valueTooBig: 0x03,
  noAccess: 0x24,
  noMemory: 0x82,
  internal: 0x84,
  busy: 0x85,
  temporaryFailure: 0x86,
} as const;

/** How the adapter reaches a server. */
export interface CouchbaseAccess {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly bucket: string;
  readonly scope?: string;
  readonly collection?: string;
}

export interface CouchbaseServerOptions {
  readonly nodes?: number;
  /** Of the bucket; without one it takes everybody. */
  readonly password?: string;
}

/** CouchbaseMock, the vendor's own mock of the protocol: one bucket, `app`. */
export class CouchbaseServer {
  readonly #control: Server;
  #process!: ServerProcess;
  #session!: ControlSession;
  #ports: readonly number[] = [];
  #starts = 0;

  private constructor(control: Server) {
    this.#control = control;
  }

  static async start({
    nodes = 1,
    password = 'secret',
  }: CouchbaseServerOptions = {}): Promise<CouchbaseServer> {
    const control = createServer().listen(0, '127.0.0.1');
    await once(control, 'listening');
    const server = new CouchbaseServer(control);
    server.#process = await ServerProcess.start({
      path: pathOf(java),
      args: [
        '-Djava.net.preferIPv4Stack=true', '-jar', pathOf(jar), '--cccp', '--host', '127.0.0.1', '--port', '0',
        '--harakiri-monitor', `127.0.0.1:${(control.address() as AddressInfo).port}`,
        '--nodes', `${nodes}`, '--vbuckets', '64', '--replicas', '0', '--buckets', `app:${password}:couchbase`,
      ], // prettier-ignore
      ready: async () => {
        const [socket] = (await once(control, 'connection')) as [Socket];
        server.#session = new ControlSession(socket);
        await server.#session.open();
        server.#starts++;
        server.#ports = (await server.command('GET_MCPORTS', { bucket: 'app' })) as number[];
      },
    });
    return server;
  }

  /** The key-value port of each node; others after a restart. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** How often it has been started. */
  get starts(): number {
    return this.#starts;
  }

  get access(): CouchbaseAccess {
    return accessAt(this.#ports[0] as number);
  }

  /** Answers the next operations with a status of `kvStatus`, on the nodes of these places or on all. */
  async fail(status: number, count = -1, servers?: readonly number[]): Promise<void> {
    await this.command('OPFAIL', { code: status, count, ...(servers === undefined ? {} : { servers }) });
  }

  async heal(): Promise<void> {
    await this.command('OPFAIL', { code: 0, count: 0 });
  }

  /** Holds each answer back, milliseconds; 0 ends that. */
  async delay(milliseconds: number): Promise<void> {
    await this.command('HICCUP', { msecs: milliseconds, offset: 1 });
  }

  async command(name: string, payload: object): Promise<unknown> {
    return this.#session.ask(name, payload);
  }

  freeze(): void {
    this.#process.freeze();
  }

  thaw(): void {
    this.#process.thaw();
  }

  async kill(): Promise<void> {
    await this.#process.kill();
  }

  /** Starts it again after `kill`, empty and on other ports. */
  async restart(): Promise<void> {
    await this.#process.start();
  }

  async stop(): Promise<void> {
    await this.#process.kill();
    this.#control.close();
  }
}

/** How to reach the mock, or a proxy of it, on a port. The mock takes any password with a challenge, hence PLAIN. */
export function accessAt(port: number, parameters = ''): CouchbaseAccess {
  return {
    url: `couchbase://127.0.0.1:${port}?sasl_mech_force=PLAIN${parameters}`,
    username: 'app',
    password: 'secret',
    bucket: 'app',
  };
}

/** The real service that the environment names. */
export function realCouchbase(): CouchbaseAccess | undefined {
  const {
    COUCHBASE_URL: url,
    COUCHBASE_USERNAME: username = '',
    COUCHBASE_PASSWORD: password = '',
  } = process.env;
  if (url === undefined) return undefined;
  return { url, username, password, bucket: process.env['COUCHBASE_BUCKET'] ?? 'default' };
}

/** The mock's control connection: it sends its HTTP port and a NUL, then a line of JSON for each line of JSON. */
class ControlSession {
  readonly #socket: Socket;
  readonly #asked: ((answer: string) => void)[] = [];
  #text = '';
  #opened!: () => void;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
  }

  async open(): Promise<void> {
    const opened = new Promise<void>((resolve) => (this.#opened = resolve));
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk.toString()));
    await opened;
  }

  async ask(command: string, payload: object): Promise<unknown> {
    const answer = new Promise<string>((resolve) => this.#asked.push(resolve));
    this.#socket.write(`${JSON.stringify({ command, payload })}\n`);
    const { status, payload: result, error } = JSON.parse(await answer) as Record<string, unknown>;
    if (status !== 'ok') throw new Error(`the mock refuses ${command}: ${String(error)}`);
    return result;
  }

  #read(text: string): void {
    this.#text += text;
    const nul = this.#text.indexOf('\0');
    if (nul >= 0) {
      this.#text = this.#text.slice(nul + 1);
      this.#opened();
    }
    const lines = this.#text.split('\n');
    this.#text = lines.pop() as string;
    for (const line of lines) this.#asked.shift()?.(line);
  }
}
