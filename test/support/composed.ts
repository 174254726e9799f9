import { ContainerModule, type ServerSpecification } from 'vivace';
import { doubler, table } from './parts.js';

/** A pipeline `p` of two nodes: `t` reads a feature, and `double` doubles it. */
export const simple: Pick<ServerSpecification, 'parts' | 'pipelines'> = {
  parts: { t: { use: table, rows: { a: [1] } }, double: { use: doubler } },
  pipelines: {
    p: {
      request: { id: 'string' },
      steps: [{ fetch: 't' }, { transform: 'double', inputs: { value: 't.f0' } }],
      response: { outputs: { twice: 'double.twice' } },
    },
  },
};

/** A module that binds what `load` binds. */
export const module = (load: ConstructorParameters<typeof ContainerModule>[0]): ContainerModule =>
  new ContainerModule(load);
