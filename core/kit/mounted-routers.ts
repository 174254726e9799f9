import { InFlight } from '../kernel/in-flight.js';
import { routeOf, type HttpRequestHead, type HttpRoute, type HttpRouter } from '../ports/http-server.js';

/** The routers of an HTTP server, as its port changes them, and the exchanges that began since the last change. */
export class MountedRouters {
  #routers: readonly HttpRouter[] = [];
  #open = new InFlight();

  get size(): number {
    return this.#routers.length;
  }

  mount(router: HttpRouter): void {
    this.#routers = [...this.#routers, router];
  }

  /** Changes all routers at once; resolves when no exchange that began before is open. */
  remount(routers: readonly HttpRouter[]): Promise<void> {
    const before = this.#open;
    const since = new InFlight();
    // An exchange that began two changes ago may still be open.
    since.enter();
    const ended = before.untilIdle().then(() => since.leave());
    this.#routers = routers;
    this.#open = since;
    return ended;
  }

  find(head: HttpRequestHead): HttpRoute | undefined {
    return routeOf(this.#routers, head);
  }

  /**
   * Counts an exchange as open.
   *
   * @returns Says that it has ended.
   */
  begin(): () => void {
    const open = this.#open;
    open.enter();
    return () => open.leave();
  }
}
