import { isWindowQuestions, type MessageChannel, type WindowAnswer, type WindowAnswers } from './window-messages.js';
import type { WindowTable } from './window-table.js';

/** Answers the workers' questions from the windows that the primary holds, in the order in which they come. */
export class WindowOwner {
  readonly #windows: WindowTable;

  constructor(windows: WindowTable) {
    this.#windows = windows;
  }

  /** Serves one worker until the returned function is called. */
  attach(channel: MessageChannel): () => void {
    return channel.onMessage((message) => {
      if (!isWindowQuestions(message)) return;
      const answers = message.questions.map(({ id, caller, limit, weight }): WindowAnswer => {
        return { id, ...this.#windows.take(caller, limit, weight) };
      });
      const reply: WindowAnswers = { type: 'rate-limit-answers', answers };
      try {
        channel.send(reply);
      } catch {
        // The worker died between question and answer: nobody waits for it.
      }
    });
  }
}
