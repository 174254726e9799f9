import { IncomingMessage, ServerResponse } from 'node:http';
import type { ExpressApplication } from './express-types.js';

type Constructor = (this: unknown, ...args: unknown[]) => void;

/**
 * Message classes for `http.createServer` whose instances already have the prototypes that express would give them. Changing an
 * object's prototype is most of what express costs; setting the one it has costs nothing.
 */
export function messageClasses(app: ExpressApplication): {
  IncomingMessage: typeof IncomingMessage;
  ServerResponse: typeof ServerResponse;
} {
  return {
    IncomingMessage: withPrototype(IncomingMessage, app.request),
    ServerResponse: withPrototype(ServerResponse, app.response),
  };
}

/** Node's message classes are plain functions, so they can fill an object that another function has made. */
function withPrototype<T>(parent: T, prototype: object): T {
  const fill = parent as Constructor;
  function Message(this: unknown, ...args: unknown[]): void {
    fill.apply(this, args);
  }
  Message.prototype = prototype;
  return Message as T;
}
