import { VisibleError } from "../../../core/api/errors.ts";
import type { Time } from "../../time/time.ts";
import type { IscsiLimits } from "../limits.ts";
import { type LoggedIn, Login, type LoginOptions, type LoginStep } from "../login/login.ts";
import { ourBodyBytesMax } from "../login/parameters.ts";
import { SmallBody } from "../pdu/body.ts";
import type { PduSink } from "../pdu/parser.ts";
import type { IscsiPortal } from "../portal.ts";
import { ConnectionLost } from "./lost.ts";
import { Wire } from "./wire.ts";

/** A portal sends us to a node, and that may send us on. */
const hopsMax = 4;
const loginBodyBytesMax = 65_536;

export type DialOptions = Omit<LoginOptions, "portal"> & {
  readonly limits: IscsiLimits;
  readonly time: Time;
  readonly signal: AbortSignal;
  /** Unless told otherwise it goes where it is sent. */
  readonly isSentOn?: boolean;
};

/**
 * Connects to a portal, logs in, and follows where it sends us.
 * @param begin makes a session of a wire that is logged in; called before anything more is read
 * @throws ConnectionLost; CLUSTER_REFUSED, VOLUME_UNKNOWN, CLUSTER_BUSY; the signal's reason
 */
export const dial = async <Session>(
  portal: IscsiPortal,
  options: DialOptions,
  begin: (wire: Wire, loggedIn: LoggedIn) => Session,
): Promise<Session> => {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const late = new ConnectionLost(`${portal.host}:${portal.port} does not complete the login`);
  void options.time.sleep(options.limits.loginSeconds * 1000, signal).then(() => over.abort(late));
  try {
    let at = portal;
    for (let hops = 0; hops <= hopsMax; hops += 1) {
      const outcome = await logInAt(at, { ...options, signal }, begin);
      if ("session" in outcome) return outcome.session;
      if (options.isSentOn === false) throw sentOn(portal);
      at = outcome.redirect;
    }
  } finally {
    over.abort(late);
  }
  throw new VisibleError("CLUSTER_REFUSED", `${portal.host}:${portal.port} sends us from node to node without an end.`);
};

const sentOn = ({ host, port }: IscsiPortal): VisibleError =>
  new VisibleError("CLUSTER_REFUSED", `${host}:${port} sends us to another node, and only it may be gone through.`);

type LoginOutcome<Session> = { readonly session: Session } | { readonly redirect: IscsiPortal };

const logInAt = async <Session>(
  portal: IscsiPortal,
  options: DialOptions,
  begin: (wire: Wire, loggedIn: LoggedIn) => Session,
): Promise<LoginOutcome<Session>> => {
  const { limits, time, signal } = options;
  const outcome = Promise.withResolvers<LoginOutcome<Session>>();
  const login = new LoginExchange(new Login({ ...options, portal }), (wire, step) => {
    if ("done" in step) return outcome.resolve({ session: begin(wire, step.done) });
    wire.end("the login is over");
    if ("redirect" in step) outcome.resolve({ redirect: step.redirect });
    else outcome.reject(step.refused);
  });
  const withinMs = limits.connectSeconds * 1000;
  const wire = await Wire.connect(portal, { sink: login, bodyBytesMax: ourBodyBytesMax, withinMs, time, signal });
  const onAbort = () => {
    wire.end("the login was called off");
    outcome.reject(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  void wire.ended.then((lost) => outcome.reject(lost));
  login.begin(wire);
  try {
    return await outcome.promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
};

/** Speaks for a `Login` on a wire. */
class LoginExchange implements PduSink {
  readonly #login: Login;
  readonly #onOutcome: (wire: Wire, step: Exclude<LoginStep, { readonly send: unknown }>) => void;
  readonly #body = new SmallBody(loginBodyBytesMax);
  #wire: Wire | undefined;

  constructor(login: Login, onOutcome: (wire: Wire, step: Exclude<LoginStep, { readonly send: unknown }>) => void) {
    this.#login = login;
    this.#onOutcome = onOutcome;
  }

  begin(wire: Wire): void {
    this.#wire = wire;
    const { header, body } = this.#login.first();
    wire.send(header, body);
  }

  onBody(_header: Buffer, _at: number, piece: Buffer): void {
    this.#body.add(piece);
  }

  onPdu(header: Buffer): void {
    const step = this.#login.answered({ header, body: this.#body.take() });
    if (this.#wire === undefined) return;
    if ("send" in step) this.#wire.send(step.send.header, step.send.body);
    else this.#onOutcome(this.#wire, step);
  }
}
