import express, { type Express } from 'express';
import { createServer, definePipeline, type Server } from 'vivace';

const echo = definePipeline({
  request: { departure: 'timestamp' },
  time: 'request.departure',
  steps: [{ transform: 'calendar' }],
  response: { outputs: { hour: 'calendar.hour', weekday: 'calendar.weekday' } },
});

/** A team's own application, with Vivace under `/ml`: its middleware and routes stay as they are. */
export async function createApp(): Promise<{ app: Express; server: Server }> {
  const ml = express.Router();
  const app = express();
  app.use((_request, response, next) => {
    response.setHeader('x-team', 'flights');
    next();
  });
  app.use(express.json());
  app.get('/', (_request, response) => void response.send('the team’s own page'));
  app.use('/ml', ml);

  const server = await createServer({
    parts: {
      calendar: { use: 'calendar' },
      web: { use: 'express', router: ml },
      api: { use: 'rest', server: 'web' },
    },
    pipelines: { calendar: echo },
  });
  await server.start();
  return { app, server };
}
