import { createServer, definePipeline, defineStep, type ServerOf } from 'vivace';

/** Body mass index from height and weight. */
const bodyMassIndex = defineStep({
  name: 'body-mass-index',
  reads: { height_m: 'float64', weight_kg: 'float64' },
  writes: { value: 'float64' },
  offline: 'same',
  create: () => ({
    run(input, out) {
      const height = input.column('height_m').values;
      const weight = input.column('weight_kg').values;
      out.column('value').values = weight.map((kilograms, row) => kilograms / height[row]! ** 2);
    },
  }),
});

const assess = definePipeline({
  request: { height_m: 'float64', weight_kg: 'float64' },
  steps: [{ step: bodyMassIndex, as: 'bmi' }],
  response: { outputs: { index: 'bmi.value' } },
});

/** A server that is called in process: no HTTP, no configuration file. */
export async function startScoring(): Promise<ServerOf<{ assess: typeof assess }>> {
  const server = await createServer({ parts: {}, pipelines: { assess } });
  return server.start();
}
