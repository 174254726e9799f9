import { createServer } from '../composition/create-server.js';
import type { PartDeclaration } from '../composition/parts.js';
import type { Server } from '../composition/server-interface.js';
import { valueText } from '../config/value-text.js';
import { wrongOption } from './wrong-option.js';

/** The adapter that reads what a model file says of itself, for the kinds that say anything. */
const readers: Readonly<Record<string, string>> = {
  onnx: 'onnxruntime',
  sklearn: 'python',
  lightgbm: 'python',
  xgboost: 'python',
};

/** The stores that a URL may name. */
const stores: Readonly<Record<string, string>> = { 'gs:': 'gcs', 's3:': 's3' };

/**
 * A server with nothing but a model repository, in the place that a URL names.
 *
 * @param place `gs://bucket/prefix`, `s3://bucket/prefix` or a directory. What follows `?` in a URL are further options of the part, such as
 *   `?region=eu-central-1`.
 * @param options.option The option of the caller that names the place, for messages.
 * @param options.kind The kind of a model that is read: its runtime is a part, too.
 * @param options.directory Where a relative directory begins.
 * @throws {VivaceError} `INVALID_ARGUMENT` for any other URL; `INVALID_CONFIG` where the part refuses an option.
 */
export async function repositoryAt(
  place: string,
  {
    option,
    kind,
    directory,
  }: { readonly option: string; readonly kind?: string; readonly directory?: string },
): Promise<Server> {
  const reader = kind === undefined ? undefined : readers[kind];
  return createServer({
    ...(directory === undefined ? {} : { directory }),
    parts: {
      blobs: storeAt(place, option),
      models: { use: 'model-repository', blobs: 'blobs' },
      ...(reader === undefined ? {} : { runtime: { use: reader } }),
    },
    pipelines: {},
  });
}

function storeAt(place: string, option: string): PartDeclaration {
  const [, scheme] = /^([a-z][a-z0-9+.-]*:)\/\//i.exec(place) ?? [];
  if (scheme === undefined) {
    if (place === '')
      throw wrongOption(option, 'is empty: name gs://bucket/prefix, s3://bucket/prefix or a directory');
    return { use: 'filesystem', path: place };
  }
  const use = stores[scheme.toLowerCase()];
  const named = use === undefined ? undefined : namedBy(place);
  if (use === undefined || named === undefined)
    throw wrongOption(
      option,
      `${valueText(place)} is not a place for models: name gs://bucket/prefix, s3://bucket/prefix or a directory`,
    );
  return { use, ...named };
}

/** The options of a store that a URL names; `undefined` where it names no bucket, or is not a URL. */
function namedBy(place: string): Readonly<Record<string, string | number | boolean>> | undefined {
  try {
    const { hostname, pathname, searchParams } = new URL(place);
    const bucket = decodeURIComponent(hostname);
    if (bucket === '') return undefined;
    const prefix = decodeURIComponent(pathname).replace(/^\/+|\/+$/g, '');
    return {
      bucket,
      ...(prefix === '' ? {} : { prefix: `${prefix}/` }),
      ...Object.fromEntries([...searchParams].map(([name, value]) => [name, scalarOf(value)])),
    };
  } catch {
    // Not a URL, or with a broken percent-encoding.
    return undefined;
  }
}

function scalarOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}
