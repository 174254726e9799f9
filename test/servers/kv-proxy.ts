import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const headerBytes = 24;
const magic = { request: 0x80, response: 0x81, requestWithFrames: 0x08, responseWithFrames: 0x18 };

/** Operations of the key-value protocol. */
export const opcode = {
  get: 0x00,
  add: 0x02,
  replace: 0x03,
  touch: 0x1c,
  hello: 0x1f,
  config: 0xb5,
  collectionId: 0xbb,
} as const;

/** What a server of today has and the mock has not: requests with frames, durable writes, collections. */
const laterFeatures = Buffer.from([0x00, 0x10, 0x00, 0x11, 0x00, 0x12]);

const notMyVbucket = 0x07;
const durabilityFrame = 1;

/** A request as it came over the wire. */
export interface KvRequest {
  readonly opcode: number;
  readonly key: Buffer;
  /** Flags and expiry, of a write. */
  readonly extras: Buffer;
  readonly value: Buffer;
  /** 1 majority, 2 majority and persisted to active, 3 persisted to majority. */
  readonly durability: number | undefined;
}

export interface KvAnswer {
  readonly status: number;
  readonly extras?: Buffer;
  readonly value?: Buffer;
}

export interface KvProxyOptions {
  /** The port of the server at the moment, on 127.0.0.1. */
  readonly target: () => number;
  /** Changes the ports of a cluster configuration into those that clients shall use. */
  readonly configuration: (text: string) => string;
  /** Speaks for the mock where that knows no collections and no durable writes. */
  readonly later?: boolean;
}

/** Stands between a client and the mock, and understands what they say: without it clients would go to the ports that the mock names. */
export class KvProxy {
  /** What has been asked since this was set; `undefined` where nobody wants to know. */
  seen: KvRequest[] | undefined;
  /** Answers in the server's stead, where it gives an answer. */
  intercept: ((asked: KvRequest) => KvAnswer | undefined) | undefined;
  readonly #options: KvProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #frozen = false;

  private constructor(options: KvProxyOptions) {
    this.#options = options;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(options: KvProxyOptions): Promise<KvProxy> {
    const proxy = new KvProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Lets nothing through any more; connections stay open, and new ones are taken and get no answer. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const server = connect(this.#options.target(), '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    eachFrame(client, (frame) => this.#request(frame, client, server));
    eachFrame(server, (frame) => client.write(this.#response(frame)));
    if (this.#frozen) for (const socket of [client, server]) socket.pause();
  }

  #request(frame: Buffer, client: Socket, server: Socket): void {
    const asked = parse(frame);
    this.seen?.push(asked);
    const canned = this.intercept?.(asked);
    if (canned !== undefined) client.write(answerTo(frame, canned));
    else server.write(this.#options.later === true ? withoutFrames(frame) : frame);
  }

  #response(frame: Buffer): Buffer {
    const { code, extras, key, value } = sections(frame);
    if (code === opcode.hello && this.#options.later === true) {
      return withValue(frame, Buffer.concat([value, laterFeatures]));
    }
    if (code !== opcode.config && frame.readUInt16BE(6) !== notMyVbucket) return frame;
    if (extras.length > 0 || key.length > 0 || value.length === 0) return frame;
    const text = this.#options.configuration(value.toString());
    return withValue(
      frame,
      Buffer.from(
        this.#options.later === true ? text.replace('"cccp"', '"cccp","collections","durableWrite"') : text,
      ),
    );
  }
}

/** Calls back with each whole message. */
function eachFrame(socket: Socket, take: (frame: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= headerBytes) {
      const end = headerBytes + held.readUInt32BE(8);
      if (held.length < end) return;
      take(held.subarray(0, end));
      held = held.subarray(end);
    }
  });
}

interface Sections {
  readonly code: number;
  readonly frames: Buffer;
  readonly extras: Buffer;
  readonly key: Buffer;
  readonly value: Buffer;
}

function sections(frame: Buffer): Sections {
  const framed = frame[0] === magic.requestWithFrames || frame[0] === magic.responseWithFrames;
  const framesEnd = headerBytes + (framed ? frame.readUInt8(2) : 0);
  const keyBytes = framed ? frame.readUInt8(3) : frame.readUInt16BE(2);
  const extrasEnd = framesEnd + frame.readUInt8(4);
  return {
    code: frame.readUInt8(1),
    frames: frame.subarray(headerBytes, framesEnd),
    extras: frame.subarray(framesEnd, extrasEnd),
    key: frame.subarray(extrasEnd, extrasEnd + keyBytes),
    value: frame.subarray(extrasEnd + keyBytes),
  };
}

function parse(frame: Buffer): KvRequest {
  const { code, frames, extras, key, value } = sections(frame);
  const durable = frames.length > 1 && frames.readUInt8(0) >> 4 === durabilityFrame;
  return {
    opcode: code,
    key: Buffer.from(key),
    extras: Buffer.from(extras),
    value: Buffer.from(value),
    durability: durable ? frames.readUInt8(1) : undefined,
  };
}

/** The request as the mock knows it. */
function withoutFrames(frame: Buffer): Buffer {
  if (frame[0] !== magic.requestWithFrames) return frame;
  const { frames, extras, key, value } = sections(frame);
  const header = Buffer.from(frame.subarray(0, headerBytes));
  header[0] = magic.request;
  header.writeUInt16BE(key.length, 2);
  header.writeUInt32BE(frame.readUInt32BE(8) - frames.length, 8);
  return Buffer.concat([header, extras, key, value]);
}

function withValue(frame: Buffer, value: Buffer): Buffer {
  const before = frame.length - sections(frame).value.length;
  const changed = Buffer.concat([frame.subarray(0, before), value]);
  changed.writeUInt32BE(changed.length - headerBytes, 8);
  return changed;
}

function answerTo(
  frame: Buffer,
  { status, extras = Buffer.alloc(0), value = Buffer.alloc(0) }: KvAnswer,
): Buffer {
  const header = Buffer.alloc(headerBytes);
  header[0] = magic.response;
  header[1] = frame.readUInt8(1);
  header[4] = extras.length;
  header.writeUInt16BE(status, 6);
  header.writeUInt32BE(extras.length + value.length, 8);
  frame.copy(header, 12, 12, 16);
  return Buffer.concat([header, extras, value]);
}
