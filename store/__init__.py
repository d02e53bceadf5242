"""SQL: the only place with queries. Every function takes `tenant_id` where a tenant's rows are touched; none commits."""
