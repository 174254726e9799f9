import { viewSchema } from '../views/schema.js';
import { compileView, type FeatureView } from '../views/view.js';

/** A view of the part `online`, as a configuration declares it. */
export function view(spec: object, name = 'v'): FeatureView {
  return compileView(name, viewSchema.parse({ store: 'online', ...spec }));
}
