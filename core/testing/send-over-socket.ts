import { request as httpRequest } from 'node:http';

/** A request that a test sends. */
export interface SentRequest {
  /** Default: POST with a body, GET without. */
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Aborting it cuts the connection. */
  readonly signal?: AbortSignal;
}

export interface SentResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Sends a request on a connection of its own. */
export function sendOverSocket(address: string, request: SentRequest): Promise<SentResponse> {
  const { method, path, headers = {}, body, signal } = request;
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(address);
    const sent = httpRequest({
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(body.length) }) },
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as SentResponse['headers'],
          bytes,
          text: bytes.toString(),
        });
      });
    });
    sent.end(body);
  });
}
