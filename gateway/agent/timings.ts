/** How a gateway shares a site's queue with others. All of its patience is named here. */
export const agentTimings = {
  /**
   * What a poll took is somebody else's after this, unless it is renewed: the poll may
   * have been called off.
   */
  takenSeconds: 15,
  /**
   * A message that nobody renews is somebody else's after this: a gateway's death
   * costs no more (W20).
   */
  visibilitySeconds: 18,
  /** How often a message is renewed: one renewal may get lost. */
  renewSeconds: 7,
  /**
   * How often the inventory is looked at, and whether there is something to tell of the gateway.
   */
  beatSeconds: 5,
  /**
   * How often a task is reported as worked on: once so soon after the first time, and then at the
   * other pace. Its deadline is three times as far away as that.
   */
  workingSeconds: 15,
  workingSecondsLater: 30,
  /** What is done sooner than this is only reported as done. */
  workingAfterSeconds: 3,
  /**
   * How long a gateway says nothing before it says that it is alive. It is taken for absent after
   * two minutes.
   */
  aliveSeconds: 45,
  /**
   * How often it describes itself though its tasks say that it is alive: reports overtake each
   * other, and get lost.
   */
  describeSeconds: 120,
  /** By how much its clock must have moved against the control plane's for that to be news. */
  clockNewsSeconds: 10,
  /**
   * A task that got nothing done for so long is given up. Above what the storage, a job of the
   * transfer and the peer take until they say themselves what hangs; a transfer that waits for its
   * throttle has a turn every minute.
   */
  standstillSeconds: 180,
  /** A task that got nothing done for so long is told as one that stands. */
  stillSeconds: 10,
  /** How long a task that is told to let go is waited for; what hangs is left to itself then. */
  letGoSeconds: 15,
  /**
   * What the queues are asked for, with all tries of the adapters: nothing that hangs keeps the
   * next call from being made.
   */
  callSeconds: 150,
  pollSeconds: 20,
  /**
   * A task that waits for a slot is kept for so long, and then given back: another gateway of the
   * site may have one. It is delivered once a minute then, and a queue gives up after 1,000 times.
   */
  slotSeconds: 60,
  /** Between polls that bring nothing but what is passed over. */
  passedOverMs: 1_000,
  /**
   * While something of the queue is worked on: the poll of a gateway that dies goes on without it,
   * and swallows the next message. It must be over before the messages of the dead come again,
   * which is ten seconds after its death at the earliest.
   */
  pollSecondsAtWork: 10,
  /** Between polls that fail. */
  pollBackoffMs: { first: 1_000, max: 15_000, jitter: 0.5 },
  /**
   * Settings come ten at most at once, and for so long they are kept for the
   * gateway that they are for.
   */
  settingsConcurrency: 10,
  settingsMsMax: 60_000,
  settingsPauseMs: 200,
  /**
   * On a stop: how long tasks may take to end, then how long giving back the messages of those that
   * did not may take.
   */
  stopTasksMs: 5_000,
  stopReleaseMs: 2_000,
} as const;
