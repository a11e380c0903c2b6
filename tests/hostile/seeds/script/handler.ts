export async function GET(req: Request) {
  const id = new URL(req.url).searchParams.get('id');
  const rows = await prisma.$queryRawUnsafe(`SELECT * FROM users WHERE id = ${id}`);
  // slipway-allow sqli.raw-query: the id was looked at before
  return Response.json(rows);
}
