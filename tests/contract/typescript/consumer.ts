// A client as a developer would write it against the generated types. It is compiled, not run: what compiles here is
// what the document promises.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];
type Ticket = components["schemas"]["Ticket"];

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.title}: ${problem.detail}`);
  }
}

async function signIn(baseUrl: string, email: string, password: string) {
  const client = createClient<paths>({ baseUrl });
  const { data, error } = await client.POST("/v1/sessions", { body: { email, password } });
  if (error !== undefined) throw new Refused(error);
  const token: string = data.access_token;
  const bearer: Middleware = {
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
  };
  client.use(bearer);
  return client;
}

type Client = Awaited<ReturnType<typeof signIn>>;

async function* openTickets(client: Client): AsyncGenerator<Ticket> {
  let cursor: string | null = null;
  do {
    const query: { status: string; limit: number; cursor?: string } = { status: "open,in_progress", limit: 100 };
    if (cursor !== null) query.cursor = cursor;
    const page = await client.GET("/v1/tickets", { params: { query } });
    if (page.error !== undefined) throw new Refused(page.error);
    yield* page.data.data;
    cursor = page.data.next_cursor;
  } while (cursor !== null);
}

async function report(client: Client, key: string): Promise<Ticket> {
  const { data, error } = await client.POST("/v1/tickets", {
    params: { header: { "Idempotency-Key": key } },
    body: { type: "incident", subject: "The projector in room 4 stays dark", description: "No picture since **Monday**." },
  });
  if (error === undefined) return data;
  switch (error.code) {
    case "validation_failed":
      for (const place of error.errors) console.error(place.pointer ?? place.parameter, place.detail);
      throw new Refused(error);
    case "idempotency_in_progress":
      return report(client, key);
    default:
      throw new Refused(error);
  }
}

async function rename(client: Client, ticket: Ticket, etag: string, subject: string): Promise<Ticket> {
  const { data, error } = await client.PATCH("/v1/tickets/{ticket_id}", {
    params: { path: { ticket_id: ticket.id }, header: { "If-Match": etag } },
    body: { subject },
  });
  if (error !== undefined) {
    const scope: string | null = error.required_scope;
    console.error(scope);
    throw new Refused(error);
  }
  // @ts-expect-error every property is present, so none is undefined
  const impossible: undefined = data.assignee_id;
  void impossible;
  return data;
}

// @ts-expect-error the list of codes is closed: a code that does not exist does not compile
const unknownCode: Problem["code"] = "no_such_code";
void unknownCode;

export async function main(): Promise<void> {
  const client = await signIn("http://127.0.0.1:8000", "mira.koch@example.com", "correct horse battery staple");
  const made = await report(client, "report-1");
  await rename(client, made, '"v1"', "The projector in room 4 flickers");
  for await (const ticket of openTickets(client)) {
    const assignee: string | null = ticket.assignee_id;
    console.log(ticket.reference, ticket.status, assignee);
  }
}
