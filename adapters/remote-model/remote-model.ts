import { basename, join } from 'node:path';
import {
  abortError,
  defineAdapter,
  predictorRuntime,
  VivaceError,
  type Bundle,
  type CallContext,
  type ModelInspection,
  type PartContext,
  type PredictorInstance,
  type PredictorRuntime,
} from 'vivace';
import { HttpConnection, readTls, type TlsMaterial } from 'vivace/kit';
import { differences, inspectionOf } from './metadata.js';
import { ModelClient } from './model-client.js';
import { options, type RemoteModelOptions } from './options.js';
import { readRemoteFile } from './remote-file.js';
import { RemoteInstance } from './remote-instance.js';

/**
 * Models of a remote server of the Open Inference Protocol, such as KServe, Triton, MLServer or another Vivace. The entry of a `remote` bundle is
 * `remote.json`, `{ "model": "iris", "version": "3" }`; without a version the server decides which one answers.
 */
export const remoteModel = defineAdapter({
  provides: predictorRuntime,
  name: 'remote-model',
  system: { attributes: { 'network.protocol.name': 'http' } },
  options,
  create: (given, _uses, context) => new RemoteRuntime(given, context),
});

/** One server. */
export class RemoteRuntime implements PredictorRuntime {
  readonly hosts = ['remote'];
  readonly #options: RemoteModelOptions;
  readonly #context: PartContext;
  #tls: TlsMaterial = {};

  constructor(given: RemoteModelOptions, context: PartContext) {
    this.#options = given;
    this.#context = context;
  }

  /** The server is asked when a model is loaded: it may start later than this one. */
  async start(): Promise<void> {
    this.#tls = await readTls(this.#options, this.#context.directory);
  }

  async load({ directory, manifest }: Bundle, call: CallContext): Promise<PredictorInstance> {
    const { timeoutMs } = this.#options;
    const { entry, signature } = manifest;
    const { connection, client } = await this.#connect(join(directory, entry), call);
    try {
      const metadata = await client.metadata({ signal: call.signal, timeoutMs });
      const different = differences(signature, metadata);
      if (different.length > 0) {
        const more = different.length > 5 ? `; and ${different.length - 5} more` : '';
        throw new VivaceError(
          'FAILED_PRECONDITION',
          `the server has another model: ${different.slice(0, 5).join('; ')}${more}`,
        );
      }
      await client.checkReady({ signal: call.signal, timeoutMs });
    } catch (error) {
      connection.close('the model did not load');
      throw error;
    }
    return new RemoteInstance({ connection, client, signature, timeoutMs });
  }

  async inspect(file: string, call: CallContext): Promise<ModelInspection> {
    const { connection, client } = await this.#connect(file, call);
    try {
      const { timeoutMs } = this.#options;
      return inspectionOf(await client.metadata({ signal: call.signal, timeoutMs }));
    } finally {
      connection.close(`${basename(file)} was inspected`);
    }
  }

  async #connect(
    file: string,
    call: CallContext,
  ): Promise<{ readonly connection: HttpConnection; readonly client: ModelClient }> {
    if (call.signal.aborted) throw abortError(call.signal);
    const model = await readRemoteFile(file, call);
    const { url, headers, maxResponseBytes } = this.#options;
    const connection = new HttpConnection({ url, headers, tls: this.#tls, tooLong: 'PREDICTOR_FAILED' });
    const secrets = Object.values(headers);
    return { connection, client: new ModelClient(connection, { model, maxResponseBytes, secrets }) };
  }
}
