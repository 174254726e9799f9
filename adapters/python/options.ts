import { z } from 'zod';

const absolute = z.string().regex(/^\//, 'is not an absolute path');

const shape = z.strictObject({
  socket: absolute
    .optional()
    .describe(
      'Where `python -m vivace_wrapper serve` listens in another container: models are loaded there, and the options about processes are those of that command; default: the server starts a process for each instance',
    ),
  directory: z
    .strictObject({
      from: absolute.describe('A directory here'),
      to: absolute.describe('The same directory in the other container'),
    })
    .optional()
    .describe(
      'With socket: where the other container mounts the volume of the workspace; default: at the same path',
    ),
  interpreter: z
    .string()
    .min(1)
    .default('python3')
    .describe(
      'The Python that runs models, a name on PATH or a path relative to the configuration; it must be able to import numpy; default python3',
    ),
  env: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Names of environment variables that models get besides PATH, HOME, LANG, LC_ALL, TZ and TMPDIR; default none',
    ),
  threads: z
    .int()
    .min(0)
    .max(1_024)
    .default(1)
    .describe(
      'Threads of OpenMP, OpenBLAS and MKL in each instance; 0 = as many as the CPU limit of the container; default 1',
    ),
  requirements: z
    .enum(['warn', 'strict'])
    .default('warn')
    .describe(
      'What a difference between the requirements.txt of a bundle and what is installed does: warn logs it, strict refuses the model; default warn',
    ),
  memoryBytes: z
    .int()
    .positive()
    .optional()
    .describe(
      'An instance whose resident memory is larger, looked at once a second, is replaced, bytes; only on Linux and without socket; default: no limit',
    ),
  maxFrameBytes: z
    .int()
    .min(65_536)
    .max(2_147_483_640)
    .default(268_435_456)
    .describe('Most bytes of one call or answer; default 268435456'),
});

export const options = shape
  .refine(({ socket, directory }) => socket !== undefined || directory === undefined, {
    path: ['directory'],
    message: 'is for models in another container, and there is no `socket`',
  })
  .refine(({ socket, memoryBytes }) => socket === undefined || memoryBytes === undefined, {
    path: ['memoryBytes'],
    message: 'is not known of processes in another container: limit the memory of that container',
  });

export type PythonOptions = z.output<typeof options>;
