/** The way between a worker and the owner of the rate windows. */
export interface WindowChannel {
  send(message: unknown): void;
  onMessage(receive: (message: unknown) => void): void;
}
