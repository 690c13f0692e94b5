/** Pauses loads and lets them go on: given as `control` to `createEngine` or `downloadModel`. */
export class LoadControl {
  #paused = false;
  readonly #listeners = new Set<(paused: boolean) => void>();

  /** Whether loads are paused. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Stops downloads where they are. */
  pause(): void {
    this.#set(true);
  }

  /** Lets them go on. */
  resume(): void {
    this.#set(false);
  }

  #set(paused: boolean): void {
    this.#paused = paused;
    for (const listener of this.#listeners) listener(paused);
  }

  /** Tells a load at once and at every change; the returned function ends that. */
  attach(listener: (paused: boolean) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#paused);
    return () => this.#listeners.delete(listener);
  }
}
