import type { ServerFace } from './server-face.js';
import { capabilityPort } from './port.js';
import { type CallContext } from '../kernel/call.js';

/** A protocol over a server. Transports start last and are drained first. */
export interface Transport {
  /** Called once, after everything else has started: from now on callers may be answered. */
  serve(server: ServerFace, context: CallContext): void | Promise<void>;
}

export const transport = capabilityPort<Transport>('transport', { serve: {} });
