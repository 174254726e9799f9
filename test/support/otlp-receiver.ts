import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came over OTLP; ids in hexadecimal, as in W3C trace context. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  readonly metricNames: string[];
  /** Texts of the resources' attributes: names and values. */
  readonly resourceTexts: string[];
  close(): Promise<void>;
}

/**
 * Receives OTLP over HTTP in protobuf, on loopback, and reads the few fields that tests ask for.
 *
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metricNames: string[] = [];
  const resourceTexts: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      // ExportTraceServiceRequest and ExportMetricsServiceRequest have one shape: resource → scope → item, fields 1, 2, 2.
      for (const resourceItem of fieldsOf(Buffer.concat(chunks), 1)) {
        for (const resource of fieldsOf(resourceItem, 1)) resourceTexts.push(resource.toString('latin1'));
        const items = fieldsOf(resourceItem, 2).flatMap((scope) => fieldsOf(scope, 2));
        if (request.url === '/v1/traces') spans.push(...items.map(spanOf));
        else metricNames.push(...items.map((item) => fieldsOf(item, 1)[0]!.toString()));
      }
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    metricNames,
    resourceTexts,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function spanOf(bytes: Buffer): ReceivedSpan {
  const hex = (field: number): string => fieldsOf(bytes, field)[0]?.toString('hex') ?? '';
  return { traceId: hex(1), spanId: hex(2), parentSpanId: hex(4), name: fieldsOf(bytes, 5)[0]!.toString() };
}

/** The length-delimited fields of one number in a protobuf message. */
function fieldsOf(message: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = varint();
      if (tag >>> 3 === wanted) found.push(message.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}
