import { didYouMean, reachedFromOthers, whyNotPushed, type Mistake, type PartSurroundings } from 'vivace';

/** What a part says of features without a pipeline. */
export interface FeatureOptions {
  readonly read?: true | readonly string[] | undefined;
  readonly push?: readonly string[] | undefined;
  readonly open: boolean;
}

/** Why a server that others reach takes no pushes, for `checkLoopback`. */
export const pushesFromOthers = {
  what: '`push` lets every caller write features',
  instead:
    'give this part an HTTP server of its own with `host: 127.0.0.1`, or say `open: true` where only callers that you trust reach it',
};

/** What is wrong with the option `features`, as far as the configuration tells. */
export function featureMistakes(
  { read, push = [], open }: FeatureOptions,
  { views, isBroken, slots }: PartSurroundings,
): readonly Mistake[] {
  const named = (key: 'read' | 'push', names: readonly string[]): Mistake[] =>
    names.flatMap((name, i): Mistake[] => {
      const path = ['features', key, i];
      const [viewName = '', feature] = key === 'read' ? name.split('.') : [name];
      if (isBroken(viewName)) return [];
      const view = views.get(viewName);
      if (view === undefined)
        return [{ path, message: `there is no view "${viewName}"${didYouMean(viewName, views.keys())}` }];
      const features = view.features.map((each) => each.name);
      if (feature !== undefined && !features.includes(feature))
        return [
          { path, message: `"${viewName}" has no feature "${feature}"${didYouMean(feature, features)}` },
        ];
      const why = key === 'push' ? whyNotPushed(view) : undefined;
      return why === undefined ? [] : [{ path, message: why }];
    });
  const host = slots['server']?.['host'];
  // What a name means is seen when the server listens.
  const reached =
    push.length > 0 && !open && typeof host === 'string' && /^[\d.]+$|:/.test(host)
      ? reachedFromOthers(`http://${host.includes(':') ? `[${host}]` : host}`, pushesFromOthers)
      : undefined;
  return [
    ...(read === undefined || read === true ? [] : named('read', read)),
    ...named('push', push),
    ...(reached === undefined ? [] : [{ path: ['features', 'push'], message: reached }]),
  ];
}
