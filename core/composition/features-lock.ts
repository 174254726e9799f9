import type { Mistakes } from '../config/mistake.js';
import type { DescribedModel } from '../ports/predictor.js';
import type { FeatureView } from '../views/view.js';

/** Every view version that a model was trained on must be among the server's; each that is not is a mistake of the model's part. */
export function checkLock(
  predictor: string,
  { model, featuresLock = {} }: DescribedModel,
  { views, mistakes }: { views: ReadonlyMap<string, FeatureView>; mistakes: Mistakes },
): void {
  const served = new Set([...views.values()].map((view) => view.hash));
  for (const [name, hash] of Object.entries(featuresLock)) {
    if (served.has(hash)) continue;
    const here = views.get(name);
    const found =
      here === undefined ? 'this configuration has no such view' : `here its hash is ${here.hash}`;
    mistakes.add(
      ['parts', predictor, 'model'],
      `${model.name} ${model.version} was trained on view "${name}" ${hash}, and ${found}: bring back that definition, or train the model on this one`,
    );
  }
}
