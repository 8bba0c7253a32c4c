# posture-sync as a container: needs DATABASE_URL and SECRET_KEYS, answers on port 8080. See compose.yaml.

FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The only optional packages are the embedded PostgreSQL: 60 MB that a container with a DATABASE_URL never starts.
RUN npm ci --omit=dev --omit=optional

# The admin pages are built with packages that the image itself does without.
FROM node:24-bookworm-slim AS pages
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json ./
RUN npm ci
COPY src/web ./src/web
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY config ./config
COPY drizzle ./drizzle
COPY src ./src
COPY --from=pages /app/dist ./dist
RUN ln -s /app/bin/posture-sync /usr/local/bin/posture-sync
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# The launcher replaces itself by node, which handles SIGTERM and reaps its own children: no init is needed.
ENTRYPOINT ["posture-sync"]
CMD ["serve"]
