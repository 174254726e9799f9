import {
  deadlineMsOf,
  pathSegment,
  readingRoutes,
  refusal,
  routeByMethod,
  uncachedJson,
  VivaceError,
  type HttpResponse,
  type HttpRoute,
  type HttpRouter,
  type Planes,
  type RoutesByMethod,
} from 'vivace';
import { admitInference, checkType, readOptions } from './body.js';
import { failed, inFormat } from './errors.js';
import { modelMetadata, serverMetadata, statisticsOf } from './metadata.js';
import { indexOf, load, refuseUnload } from './repository.js';
import { checkVersion, type ServedModel } from './served-model.js';

/** The routes of a path, by method. */
type Methods = (method: string) => HttpRoute;
type Handle = HttpRoute['handle'];

/** Extensions of the protocol that Vivace does not have. */
const unserved = new Set(['systemsharedmemory', 'cudasharedmemory', 'trace', 'logging']);

export interface Served {
  readonly planes: Planes;
  readonly models: ReadonlyMap<string, ServedModel>;
  readonly prefix: string;
  readonly admin: boolean;
}

/** Finds the route of every path below `/v2`, unknown ones included: a client that asks there expects the protocol's errors. */
export function openInferenceRouter(served: Served): HttpRouter {
  const { prefix, models } = served;
  const root = `${prefix}/v2`;
  // The paths that nearly every request has.
  // Keys: paths of models.
  const inferences = new Map<string, Methods>();
  for (const [name, model] of models)
    inferences.set(`${root}/models/${name}/infer`, inferring(model, `${root}/models/{model}/infer`));
  return ({ method, path }) => {
    const known = inferences.get(path);
    if (known !== undefined) return known(method);
    if (path !== root && !path.startsWith(`${root}/`)) return undefined;
    return find(served, root, path.slice(root.length))(method);
  };
}

function find(served: Served, root: string, rest: string): Methods {
  if (rest === '' || rest === '/')
    return reading(root, () => uncachedJson(serverMetadata(served.planes.control, served.admin)));
  const segments = rest.slice(1).split('/').map(pathSegment);
  if (segments.includes(undefined))
    return refusingAll(new VivaceError('INVALID_ARGUMENT', 'the path has a broken percent-encoding'));
  const [area = '', ...more] = segments as string[];
  if (area === 'health' && more.length === 1) return health(served, `${root}/health`, more[0]!);
  if (area === 'models') return modelMethods(served, `${root}/models`, more);
  if (area === 'repository') return repositoryMethods(served, `${root}/repository`, more);
  if (unserved.has(area)) return unimplemented(`the extension "${area}" is not served`);
  return notFound(`/v2${rest}`);
}

function health({ planes }: Served, root: string, what: string): Methods {
  if (what === 'live') return reading(`${root}/live`, () => uncachedJson({ live: true }), true);
  if (what !== 'ready') return notFound(`/v2/health/${what}`);
  return reading(
    `${root}/ready`,
    () => {
      const { ready, reasons } = planes.control.readiness();
      return ready ? uncachedJson({ ready }) : uncachedJson({ ready, error: reasons.join('; ') }, 503);
    },
    true,
  );
}

function modelMethods(served: Served, root: string, segments: readonly string[]): Methods {
  const { models } = served;
  const [name, ...more] = segments;
  if (name === undefined || name === '') {
    return segments.length > 1
      ? notFound('/v2/models/')
      : reading(root, () => uncachedJson({ models: [...models.keys()] }));
  }
  if (name === 'stats' && more.length === 0) {
    return reading(`${root}/stats`, () =>
      uncachedJson({ model_stats: [...models.values()].map(statisticsOf) }),
    );
  }
  const versioned = more[0] === 'versions' && more.length > 1;
  const version = versioned ? more[1] : undefined;
  const [action = '', ...tooMany] = versioned ? more.slice(2) : more;
  const template = `${root}/{model}${versioned ? '/versions/{version}' : ''}`;
  if (tooMany.length > 0) {
    return action === 'trace'
      ? unimplemented('the extension "trace" is not served')
      : notFound(segments.join('/'));
  }
  const model = models.get(name);
  const known = (): ServedModel => {
    if (model === undefined) throw unknownModel(name, models);
    checkVersion(model, version);
    return model;
  };
  switch (action) {
    case '':
      return reading(template, () => uncachedJson(modelMetadata(known())));
    case 'infer':
      return model === undefined
        ? refusingAll(unknownModel(name, models))
        : inferring(model, `${template}/infer`, version);
    case 'ready':
      return reading(
        `${template}/ready`,
        () => {
          const { ready, reason } = known().target.state();
          return ready ? uncachedJson({ name, ready }) : uncachedJson({ name, ready, error: reason }, 503);
        },
        true,
      );
    case 'stats':
      return reading(`${template}/stats`, () => uncachedJson({ model_stats: [statisticsOf(known())] }));
    case 'config':
      return unimplemented(
        'the model configuration extension is not served: ask for the metadata of the model',
      );
    case 'trace':
    case 'generate':
    case 'generate_stream':
      return unimplemented(`the extension "${action}" is not served`);
    default:
      return notFound(`/v2/models/${segments.join('/')}`);
  }
}

function repositoryMethods(served: Served, root: string, segments: readonly string[]): Methods {
  const [first, name = '', action, ...more] = segments;
  const admit = (handle: Handle, template: string): Methods => {
    if (!served.admin) return unimplemented('the model repository extension is off: it needs `admin: true`');
    return posting(
      {
        admit: ({ headers }, call) => {
          checkType(headers['content-type']);
          return call;
        },
        handle,
        admission: false,
      },
      template,
    );
  };
  if (first === 'index' && segments.length === 1)
    return admit((request) => uncachedJson(indexOf(served.models, readOptions(request))), `${root}/index`);
  if (first !== 'models' || more.length > 0 || (action !== 'load' && action !== 'unload'))
    return notFound(`/v2/repository/${segments.join('/')}`);
  const model = served.models.get(name);
  return admit(async (request, call) => {
    if (model === undefined) throw unknownModel(name, served.models);
    const options = readOptions(request);
    if (action === 'unload') refuseUnload(name);
    await load(model, options, call);
    return uncachedJson({});
  }, `${root}/models/{model}/${action}`);
}

function inferring(model: ServedModel, template: string, version?: string): Methods {
  const { bodyLimitBytes } = model.target;
  return posting(
    {
      deadlineMs: (head) => deadlineMsOf(head, model.target.deadlineMs),
      admit: (head, call) => {
        checkVersion(model, version);
        return admitInference(head, call);
      },
      handle: (request, call) => model.infer(request, call, version),
      ...(bodyLimitBytes === undefined ? {} : { bodyLimitBytes }),
    },
    template,
  );
}

function posting(
  route: Pick<HttpRoute, 'admit' | 'handle' | 'deadlineMs' | 'admission' | 'bodyLimitBytes'>,
  template: string,
): Methods {
  return methods({ POST: { ...route, failed, template } });
}

function reading(template: string, handle: () => HttpResponse, quiet = false): Methods {
  const route: HttpRoute = { handle, failed, template, ...(quiet ? { quiet, admission: false } : {}) };
  return methods(readingRoutes(route));
}

function methods(routes: RoutesByMethod): Methods {
  return (method) => routeByMethod(routes, method, { format: inFormat });
}

function refusingAll(error: VivaceError): Methods {
  const route = refusal(error, { format: inFormat });
  return () => route;
}

function notFound(path: string): Methods {
  return refusingAll(new VivaceError('NOT_FOUND', `nothing answers at ${path}`));
}

function unimplemented(message: string): Methods {
  return refusingAll(new VivaceError('UNIMPLEMENTED', message));
}

function unknownModel(name: string, models: ReadonlyMap<string, unknown>): VivaceError {
  const known = [...models.keys()];
  const there = known.length === 0 ? 'there are none' : `there are ${known.slice(0, 20).join(', ')}`;
  return new VivaceError('NOT_FOUND', `there is no model "${name}"; ${there}`);
}
