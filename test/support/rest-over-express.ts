import { httpServer, transport } from 'vivace';
import { express } from 'vivace/adapters/express';
import { rest } from 'vivace/plugins/rest';
import { callContext, planes, startPart, type OwnPlanes } from 'vivace/testing';

export interface RunningApi {
  readonly address: string;
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** The rest API on a free port, in front of a server with the pipeline `echo`. */
export async function restOverExpress(options: object = {}, own: OwnPlanes = {}): Promise<RunningApi> {
  const web = await startPart(express, { port: 0, ...options });
  const server = web.face(httpServer);
  const api = await startPart(rest, {}, { uses: { server } });
  await api.face(transport).serve(planes(own), callContext());
  return {
    address: server.address() as string,
    drain: async () => server.drain(callContext()),
    async stop() {
      await api.stop();
      await web.stop();
    },
  };
}
