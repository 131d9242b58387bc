// An agent's desk and a requester's portal as text. Each screen is one call, and no rule of the desk is written down
// here: what may be done, what it takes and why not stand in the answers. Run by the tests against the served product.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
type Problem = Schemas["Problem"];
type Ticket = Schemas["Ticket"];
type Client = ReturnType<typeof createClient<paths>>;

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail ?? problem.title}`);
  }
}

function taken<T>(reply: { data?: T; error?: Problem }): T {
  if (reply.data === undefined) throw new Refused(reply.error as Problem);
  return reply.data;
}

/** Counts the calls that each screen makes. */
class Person {
  readonly client: Client;
  private calls = 0;

  private constructor(baseUrl: string, token: string) {
    this.client = createClient<paths>({ baseUrl });
    const middleware: Middleware = {
      onRequest: ({ request }) => {
        this.calls += 1;
        request.headers.set("Authorization", `Bearer ${token}`);
        return request;
      },
    };
    this.client.use(middleware);
  }

  static async signIn(baseUrl: string, email: string, password: string): Promise<Person> {
    const session = taken(await createClient<paths>({ baseUrl }).POST("/v1/sessions", { body: { email, password } }));
    return new Person(baseUrl, session.access_token);
  }

  async screen<T>(name: string, show: (client: Client) => Promise<[T, string[]]>): Promise<T> {
    const before = this.calls;
    const [value, lines] = await show(this.client);
    const calls = this.calls - before;
    console.log(`== ${name} (${calls} ${calls === 1 ? "call" : "calls"})`);
    for (const line of lines) console.log(`   ${line}`);
    return value;
  }
}

function offered(ticket: Ticket): string {
  return ticket.allowed_actions.filter((one) => one.allowed).map((one) => one.action).join(", ");
}

function whyNot(ticket: Ticket, action: Schemas["TicketAction"]): string {
  const found = ticket.allowed_actions.find((one) => one.action === action);
  return found === undefined || found.allowed ? `${action}: offered` : `${action}: ${found.reason_code}`;
}

// --- the agent's desk

function queue(client: Client): Promise<[Ticket[], string[]]> {
  const query = {
    status: "open,in_progress,pending",
    sort: "sla_due_at",
    include: "requester,assignee,last_comment,sla",
    counts: true,
    limit: 5,
  };
  return client.GET("/v1/tickets", { params: { query } }).then((reply) => {
    const page = taken(reply);
    const people = page.included?.users ?? {};
    const said = Object.values(page.included?.comments ?? {});
    const lines = page.data.map((ticket) => {
      const last = said.find((comment) => comment.ticket_id === ticket.id);
      const assignee = ticket.assignee_id === null ? "nobody" : people[ticket.assignee_id]?.name;
      const due = ticket.sla_due_at === null ? "" : ` [${ticket.sla_state}, due ${ticket.sla_due_at}]`;
      return `${ticket.reference} ${ticket.priority} ${ticket.subject} | ${people[ticket.requester_id]?.name} -> ${assignee}${due}${last ? ` | ${last.excerpt.slice(0, 40)}` : ""}`;
    });
    const counts = Object.entries(page.counts?.status ?? {}).map(([status, count]) => `${status} ${count}`);
    return [page.data, [`counts: ${counts.join(", ")}`, ...lines]];
  });
}

/** Beside the queue: what the views are called was read once, how many each shows is asked again and again. */
async function viewCounts(client: Client, names: Map<string, string>): Promise<[null, string[]]> {
  const page = taken(await client.GET("/v1/views/counts", { params: { query: { view_ids: [...names.keys()].join(",") } } }));
  return [null, page.data.map((one) => `${names.get(one.view_id)}: ${one.count ?? "?"}${one.is_exact ? "" : " and more"}`)];
}

async function ticketPage(client: Client, reference: string): Promise<[{ ticket: Ticket; etag: string }, string[]]> {
  const page = taken(
    await client.GET("/v1/tickets/{ticket_id}/comments", {
      params: { path: { ticket_id: reference }, query: { include: "requester,assignee,team,category,sla,links" } },
    }),
  );
  const { ticket, ticket_etag: etag } = page;
  if (ticket === null || etag === null) throw new Error("the page lacks its ticket");
  const included = ticket.included;
  const lines = [
    `${ticket.reference} ${ticket.status} ${ticket.priority}: ${ticket.subject}`,
    `category ${ticket.category_id === null ? "none" : included?.categories[ticket.category_id]?.name}, team ${ticket.team_id === null ? "none" : included?.teams[ticket.team_id]?.name}`,
    ...page.data.map((comment) => `${comment.author.name} (${comment.visibility}): ${comment.body.slice(0, 60)}`),
    `may: ${offered(ticket)}`,
    whyNot(ticket, "confirm"),
  ];
  return [{ ticket, etag }, lines];
}

async function replyByMacro(client: Client, macro: string, reference: string): Promise<[Ticket, string[]]> {
  const effect = taken(
    await client.POST("/v1/tickets/{ticket_id}/macros/{macro_id}", {
      params: { path: { ticket_id: reference, macro_id: macro } },
      body: {},
    }),
  );
  if (effect.ticket === null) throw new Error("the macro took the ticket out of sight");
  const changes = effect.changes.map((change) => `${change.field}: ${JSON.stringify(change.before)} -> ${JSON.stringify(change.after)}`);
  return [effect.ticket, [...changes, ...effect.replies.map((reply) => `said ${reply.visibility}: ${reply.body}`)]];
}

async function merge(client: Client, from: string, into: string): Promise<[null, string[]]> {
  const target = taken(
    await client.POST("/v1/tickets/{ticket_id}/merge", {
      params: { path: { ticket_id: from } },
      body: { into, comment: "The same trouble, told twice." },
    }),
  );
  return [null, [`goes on as ${target.reference}`]];
}

async function search(client: Client, query: string): Promise<[Ticket[], string[]]> {
  const page = taken(await client.GET("/v1/tickets", { params: { query: { query, highlights: true, limit: 5 } } }));
  const marked = page.highlights ?? {};
  return [page.data, page.data.map((ticket) => `${ticket.reference} ${marked[ticket.id]?.subject ?? ticket.subject}`)];
}

// --- the requester's portal

async function catalogue(client: Client): Promise<[Schemas["Form"][], string[]]> {
  const page = taken(await client.GET("/v1/forms"));
  return [page.data, page.data.map((form) => `${form.name}: ${form.fields.map((field) => field.label).join(", ")}`)];
}

/** What the schema of a form says of one field; the server checks by the very same schema. */
interface Asked {
  title?: string;
  description?: string;
  type?: string | string[];
  enum?: unknown[];
  oneOf?: { const: unknown; title?: string }[];
}

async function portalForm(client: Client, form: string): Promise<[Schemas["FormSchema"], string[]]> {
  const schema = taken(await client.GET("/v1/forms/{form_id}/schema", { params: { path: { form_id: form } } }));
  const required = new Set(schema.required);
  const lines = Object.entries(schema.properties).map(([key, value]) => {
    const asked = value as Asked;
    const choices = asked.oneOf?.map((choice) => choice.title ?? String(choice.const)) ?? asked.enum?.map(String);
    return `${required.has(key) ? "*" : " "} ${asked.title ?? key}${choices ? ` (${choices.join(" | ")})` : ""}`;
  });
  return [schema, [schema.title, ...lines, `${schema.allOf.length} conditions`]];
}

async function submit(client: Client, category: string): Promise<[Ticket, string[]]> {
  const body = {
    type: "service_request" as const,
    subject: "A laptop for the new baker",
    description: "She starts on **Monday**.",
    category_id: category,
  };
  const refused = await client.POST("/v1/tickets", { body });
  if (refused.error === undefined) throw new Error("a form that must be filled in was not asked for");
  const places = refused.error.errors.map((place) => place.pointer ?? place.parameter);
  const made = taken(await client.POST("/v1/tickets", { body: { ...body, custom_fields: { model: "light" } } }));
  return [made, [`first ${refused.error.code} at ${places.join(", ")}`, `then ${made.reference}, ${made.status}`]];
}

async function myRequests(client: Client): Promise<[Ticket[], string[]]> {
  const query = { requester_id: "me", include: "expectation,last_comment", sort: "-created_at", limit: 5 };
  const page = taken(await client.GET("/v1/tickets", { params: { query } }));
  const expected = page.included?.expectations ?? {};
  const lines = page.data.map((ticket) => `${ticket.reference} ${ticket.status} ${ticket.subject}${honestly(expected[ticket.id])}`);
  return [page.data, lines];
}

/** What is promised, and what became of others like it; nothing where nobody can say. */
function honestly(expected: Schemas["Expectation"] | undefined): string {
  if (expected === undefined) return "";
  const { promised_by, half_by, most_by, similar_count } = expected;
  const promised = expected.is_paused ? ", it waits for you" : promised_by === null ? "" : `, by ${promised_by}`;
  return half_by === null ? promised : `${promised}, half of ${similar_count} by ${half_by}, most by ${most_by}`;
}

/** Whoever may see their organization's requests is shown them by the same call; others are shown their own. */
async function organizationsRequests(client: Client): Promise<[Ticket[], string[]]> {
  const query = { include: "requester", sort: "-created_at", limit: 5 };
  const page = taken(await client.GET("/v1/tickets", { params: { query } }));
  const people = page.included?.users ?? {};
  const lines = page.data.map((ticket) => `${ticket.reference} ${ticket.status} ${people[ticket.requester_id]?.name}: ${ticket.subject}`);
  return [page.data, lines];
}

async function attach(client: Client, name: string, content: string | Blob): Promise<[Schemas["Attachment"], string[]]> {
  const file = taken(
    await client.POST("/v1/attachments", {
      body: { file: name },
      bodySerializer: () => {
        const form = new FormData();
        form.append("file", new Blob([content]), name);
        return form;
      },
    }),
  );
  return [file, [`${file.name}: ${file.content_type}, ${file.size_bytes} bytes, ${file.state}`]];
}

async function reply(client: Client, ticket: string, body: string, file: string): Promise<[Schemas["Comment"], string[]]> {
  const said = taken(
    await client.POST("/v1/tickets/{ticket_id}/comments", {
      params: { path: { ticket_id: ticket } },
      body: { body, attachment_ids: [file] },
    }),
  );
  return [said, [`${said.author.name}: ${said.body} (${said.attachments.map((one) => one.name).join(", ")})`]];
}

/** A text that shows what was uploaded for it, changed by one call. */
async function describe(client: Client, ticket: string, words: string, file: string): Promise<[Ticket, string[]]> {
  const body = { description: `${words} ![The screen](attachment:${file})`, attachment_ids: [file] };
  const changed = taken(await client.PATCH("/v1/tickets/{ticket_id}", { params: { path: { ticket_id: ticket } }, body }));
  return [changed, [changed.description]];
}

/** An `<img>` sends no token: the short-lived links of all files of the ticket go in place of what its texts name. */
async function pictures(client: Client, ticket: string, html: string): Promise<[string[], string[]]> {
  const page = taken(
    await client.GET("/v1/tickets/{ticket_id}/attachments", {
      params: { path: { ticket_id: ticket }, query: { links: true } },
    }),
  );
  const links = new Map(page.data.map((file) => [`/v1/attachments/${file.id}/download`, file.download_url]));
  const shown: string[] = [];
  html.replace(/(?<=<img src=")[^"]+/g, (source) => {
    const link = links.get(source) ?? source;
    shown.push(link);
    return link;
  });
  return [shown, [`${shown.length} of ${page.data.length} files are shown in the text`]];
}

async function reopen(client: Client, ticket: string): Promise<[Ticket, string[]]> {
  const again = taken(
    await client.POST("/v1/tickets/{ticket_id}/reopen", {
      params: { path: { ticket_id: ticket } },
      body: { reason: "It dropped again this morning." },
    }),
  );
  return [again, [`${again.status}, reopened ${again.reopened_count} times`, whyNot(again, "confirm")]];
}

async function close(client: Client, ticket: string): Promise<[Ticket, string[]]> {
  const path = { ticket_id: ticket };
  taken(await client.POST("/v1/tickets/{ticket_id}/confirm", { params: { path }, body: {} }));
  const rated = taken(await client.POST("/v1/tickets/{ticket_id}/rate", { params: { path }, body: { score: 5 } }));
  return [rated, [`${rated.status}, rated ${rated.rating}`, `may: ${offered(rated)}`]];
}

// --- two clients on one ticket

/** Adds a tag without losing another's: who comes second is told so, reads again, and adds to what is there. */
async function addTag(client: Client, ticket: string, tag: string): Promise<number> {
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    const read = await client.GET("/v1/tickets/{ticket_id}", { params: { path: { ticket_id: ticket } } });
    const { tags } = taken(read);
    const etag = read.response.headers.get("ETag") ?? "";
    const written = await client.PATCH("/v1/tickets/{ticket_id}", {
      params: { path: { ticket_id: ticket }, header: { "If-Match": etag } },
      body: { tags: [...tags, tag] },
    });
    if (written.error === undefined) return attempt;
    if (written.error.code !== "precondition_failed") throw new Refused(written.error);
  }
  throw new Error("twenty times somebody else was first");
}

/** One grey point, as PNG. */
const PIXEL = new Blob([
  Uint8Array.from(
    atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="),
    (letter) => letter.charCodeAt(0),
  ),
]);

async function main(baseUrl: string): Promise<void> {
  const admin = await Person.signIn(baseUrl, "edda@tarnwick.example.com", "keys-to-the-bakery");
  const agent = await Person.signIn(baseUrl, "diego@tarnwick.example.com", "tea-and-tickets");
  const nora = await Person.signIn(baseUrl, "nora@tarnwick.example.com", "fresh-bread-at-six");
  const leila = await Person.signIn(baseUrl, "leila@tarnwick.example.com", "fresh-bread-at-six");

  // What an administrator has set up before anybody opens a screen.
  const form = taken(
    await admin.client.POST("/v1/forms", {
      body: {
        name: "New laptop",
        fields: [
          { key: "model", kind: "choice", label: "Model", is_required: true, choices: [{ value: "light", label: "Light" }, { value: "strong", label: "Strong" }] },
          { key: "why_strong", kind: "text", label: "Why a strong one?", is_required: true, visible_if: { field: "model", values: ["strong"] } },
        ],
      },
    }),
  );
  const category = taken(await admin.client.POST("/v1/categories", { body: { name: "Laptops for newcomers", default_form_id: form.id } }));
  const macro = taken(
    await agent.client.POST("/v1/macros", {
      body: {
        title: "Try again",
        scope: "personal",
        steps: [
          { op: "comment", body: { body: "Hello {{ requester.first_name }}, please try again.", visibility: "public" } },
          { op: "resolve", body: { resolution_code: "fixed", resolution_text: "Restarted the service." } },
        ],
      },
    }),
  );

  const views = new Map<string, string>();
  for (const [name, query] of [["Mine", "is:open assignee:me"], ["Everything that is late", "is:open sla:breached"]] as const) {
    views.set(taken(await agent.client.POST("/v1/views", { body: { name, scope: "personal", query } })).id, name);
  }

  console.log("The agent's desk");
  await agent.screen("queue", queue);
  await agent.screen("view counts", (client) => viewCounts(client, views));
  const open = async (subject: string): Promise<Ticket> =>
    taken(await nora.client.POST("/v1/tickets", { body: { type: "incident", subject, description: "The VPN drops.", category_id: vpn } }));
  const categories = taken(await agent.client.GET("/v1/categories"));
  const vpn = categories.data.find((one) => one.name.includes("VPN"))?.id ?? null;
  const [first, second] = [await open("VPN drops in the bakery"), await open("VPN drops again in the bakery")];
  const page = await agent.screen("ticket", (client) => ticketPage(client, first.reference));
  if (page.ticket.id !== first.id) throw new Error("another ticket");
  await agent.screen("merge", (client) => merge(client, second.reference, first.reference));
  await agent.screen("search", (client) => search(client, '"VPN drops" requester:"Nora Fairling" is:open'));
  const attempts = await Promise.all(
    ["a", "b", "c", "d"].flatMap((tag) => [addTag(agent.client, first.id, `${tag}-1`), addTag(admin.client, first.id, `${tag}-2`)]),
  );
  const tagged = taken(await agent.client.GET("/v1/tickets/{ticket_id}", { params: { path: { ticket_id: first.id } } }));
  const kept = ["a-1", "a-2", "b-1", "b-2", "c-1", "c-2", "d-1", "d-2"].filter((tag) => tagged.tags.includes(tag));
  console.log(`== two clients on one ticket\n   ${kept.length} of ${attempts.length} changes are there`);
  if (kept.length !== attempts.length) throw new Error("an update was lost");
  await agent.screen("reply by macro", (client) => replyByMacro(client, macro.id, first.reference));

  console.log("The requester's portal");
  await nora.screen("catalogue", catalogue);
  await nora.screen("form", (client) => portalForm(client, form.id));
  await nora.screen("submit, refused and filled in", (client) => submit(client, category.id));
  await nora.screen("my requests", myRequests);
  await leila.screen("my organization's requests", organizationsRequests);
  await nora.screen("reopen", (client) => reopen(client, first.id));
  const log = await nora.screen("attach", (client) => attach(client, "vpn.txt", "07:58 the tunnel went down"));
  await nora.screen("reply", (client) => reply(client, first.id, "Here is what it says.", log.id));
  const screen = await nora.screen("attach a picture", (client) => attach(client, "screen.png", PIXEL));
  const described = await nora.screen("describe", (client) => describe(client, first.id, "It says this:", screen.id));
  for (const link of await nora.screen("pictures", (client) => pictures(client, first.id, described.description_html))) {
    const reply = await fetch(new URL(link, baseUrl));
    console.log(`   without a token: ${reply.status} ${reply.headers.get("Content-Type")}`);
  }
  const solution = { resolution_code: "fixed" as const, resolution_text: "A new certificate." };
  taken(await agent.client.POST("/v1/tickets/{ticket_id}/resolve", { params: { path: { ticket_id: first.id } }, body: solution }));
  await nora.screen("request", (client) => ticketPage(client, first.reference));
  await nora.screen("confirm and rate", (client) => close(client, first.id));
}

declare const process: { argv: string[]; exitCode: number };
main(process.argv[2] ?? "http://127.0.0.1:8000").catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
