/** Tokens that an event tells of: of one call, or of several. */
export interface Usage {
  model?: string;
  input_tokens?: number;
  output_tokens?: number;
  calls?: { model?: string; input_tokens?: number; output_tokens?: number }[];
  [key: string]: unknown;
}

/** What an event of a type carries. Unknown keys are kept, so each may hold more than is named here. */
export interface Payloads {
  agent_started: { message?: string; usage?: Usage };
  agent_thinking: { thought?: string; step_number?: number; usage?: Usage };
  tool_executing: { tool_name?: string; parameters?: unknown; call_id?: string; usage?: Usage };
  tool_completed: {
    tool_name?: string;
    result?: unknown;
    error?: string;
    execution_time_ms?: number;
    call_id?: string;
    usage?: Usage;
  };
  agent_completed: {
    result?: unknown;
    status?: "completed" | "cancelled";
    usage?: Usage;
    execution_time_ms?: number;
  };
  agent_error: { error_message?: string; error_type?: string; recoverable?: boolean; usage?: Usage };
  agent_death: { death_cause?: string; message?: string; usage?: Usage };
}

export interface AgentEvent<Payload = Record<string, unknown>, Type = string> {
  type: Type;
  /** The event's place in its user's stream: 1, 2, 3 … without holes. */
  seq: number;
  id: string;
  run_id: string;
  thread_id: string;
  agent_name: string;
  timestamp: string;
  payload: Payload;
  /** Stored after the run's last event; it reopens nothing. */
  after_end?: boolean;
  /** What is wrong with it, and was let pass: `not_started`, `tool_unmatched`, `placeholder_id`, `system_id`. */
  flags?: string[];
  /** The old face through which it came, if any. */
  source?: string;
}

export type KnownEvent = { [Type in keyof Payloads]: AgentEvent<Payloads[Type], Type> }[keyof Payloads];

export interface Position {
  epoch: string | null;
  seq: number;
}

/**
 * How the connection is. `behind`: events still to come; `retryIn`: seconds; `detail`: a sentence for a person;
 * `transport`: what carries a live connection.
 */
export interface State {
  state: "connecting" | "live" | "catching-up" | "reconnecting" | "offline" | "signed-out" | "closed";
  behind?: number;
  retryIn?: number;
  detail?: string;
  transport?: TransportName;
}

/** Events after `after` and before `first` will not come. */
export interface Gap {
  after: number;
  first: number;
  reason: "pruned" | "epoch" | "future";
  epoch: string;
}

export interface Problem {
  code: string;
  detail: string;
}

export type TransportName = "websocket" | "sse";

export type Credential = string | (() => string | Promise<string>);

export interface Frame {
  type: string;
  [key: string]: any;
}

/** What one connection shows: one of the two, or neither where the page's cookie is enough. */
export interface Credentials {
  ticket?: string;
  token?: string;
}

export interface Line {
  /** Whether the frame could be sent at all. */
  send(frame: Frame): boolean;
  close(): void;
}

/** Opens lines and knows nothing of cursors or retries. */
export interface Transport {
  readonly name: TransportName;
  open(call: {
    url: URL;
    credentials: Credentials;
    onframe(frame: Frame): void;
    onclose(code: number): void;
  }): Promise<Line>;
}

export interface Options {
  /** Names this installation; the server keeps its acknowledged position. */
  device?: string;
  /** A ticket opens one connection once: give a function that fetches one for each connection. */
  ticket?: Credential;
  /** A bearer token; a function is asked for a new one before the old one expires. */
  token?: Credential;
  /** Begin after this event instead of the remembered one; 0 asks for everything that is kept. */
  after?: number;
  /** The epoch that `after` belongs to. */
  epoch?: string;
  /** Where the position is remembered across a reload; `sessionStorage` by default. */
  storage?: Pick<Storage, "getItem" | "setItem">;
  /** This transport alone. Without it: a WebSocket, and Server-Sent Events for as long as sockets are blocked. */
  transport?: TransportName;
  /** Where the server sends its events without a socket; `/api/events/stream/` by default. */
  stream?: string;
  WebSocket?: typeof WebSocket;
  EventSource?: typeof EventSource;
  /** A number from 0 up to 1, for the pauses between attempts. */
  random?: () => number;
  /** Where `online`, `offline` and `pagehide` are heard. */
  window?: any;
}

export class AgentEvents {
  constructor(url: string, options?: Options);
  readonly position: Position | null;
  readonly state: State;
  on<Type extends keyof Payloads>(
    type: Type,
    listener: (event: AgentEvent<Payloads[Type], Type>) => void,
  ): () => void;
  on(type: "state", listener: (state: State) => void): () => void;
  on(type: "gap", listener: (gap: Gap) => void): () => void;
  on(type: "error", listener: (problem: Problem) => void): () => void;
  on(type: string, listener: (event: AgentEvent) => void): () => void;
  connect(): void;
  close(): void;
  /** Also without a socket, by HTTP: then a refusal is told as `"error"`. */
  cancel(runId: string): Promise<void>;
  filter(only?: { types?: string[] | null; runId?: string | null }): void;
}
