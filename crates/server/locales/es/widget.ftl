app-unnamed = tu app
close = Ya puedes cerrar esta página.

choose-title = Conecta un dispositivo o una app
choose-lead = Elige de dónde vienen tus datos. Después inicias sesión allí y decides qué puede ver { $app }.
choose-search = Buscar por nombre
    .submit = Buscar
    .all = Mostrar todo
choose-found =
    { $count ->
        [one] { $count } resultado
       *[other] { $count } resultados
    }
choose-nothing = No hay resultados para «{ $query }». Revisa la ortografía o muestra la lista completa.
choose-connected = Conectado
choose-next = Qué pasa después
    .login = Inicias sesión en la página del proveedor. { $app } nunca ve tu contraseña.
    .approve = Allí decides qué datos puede recibir { $app }.
    .return = Al volver, la conexión está lista.
choose-cancel = Cancelar

notice-connected = { $provider } ya está conectado.
notice-disconnected = { $provider } ya no está conectado.
notice-still-connected = No se ha podido desconectar { $provider }. Inténtalo de nuevo dentro de unos minutos.

connected-title = { $provider } está conectado
connected-lead = { $app } ya puede recibir los datos que has autorizado.
connected-left-out = No compartido
    .next = Si también quieres compartir esto, conéctate de nuevo y autorízalo.
    .again = Conectar de nuevo
connected-proceed = Continuar a { $app }
    .unnamed = Continuar a tu app
connected-another = Conectar otro

disconnect-title = ¿Desconectar { $provider }?
disconnect-lead = { $app } dejará de recibir datos nuevos de { $provider }.
    .kept = Esto no borra lo que { $app } ya ha recibido.
disconnect-submit = Desconectar
    .label = Desconectar { $provider }
disconnect-keep = Seguir conectado

callback-title = Esta página forma parte de un inicio de sesión
callback-lead = Un proveedor la abre cuando inicias sesión en él.
    .next = Ahora no hay nada que hacer aquí. Para conectar un dispositivo o una app, empieza en tu app.

failed-cancelled = Has cancelado
    .what = No se ha conectado nada ni se ha compartido ningún dato.
    .next = Puedes empezar de nuevo desde la app cuando quieras.
failed-denied = { $provider } no se ha conectado
    .what = No has permitido el acceso en { $provider }, así que no se ha compartido ningún dato.
    .next = Si no era lo que querías, inténtalo de nuevo y permite el acceso en { $provider }.
failed-left-out = { $provider } no se ha conectado
    .what = La app necesita datos que no has permitido en { $provider }. No se ha conectado nada.
    .next = Inténtalo de nuevo y permite en { $provider } todo lo que hay en esta lista.
failed-expired = Esta página ha caducado
    .what = Por tu seguridad, el enlace a esta página solo funciona durante poco tiempo.
    .next = Vuelve a la app y empieza de nuevo desde allí.
failed-already-used = Este enlace ya se ha usado
    .what = Cada enlace sirve una sola vez.
    .next = Vuelve a la app y revisa tus conexiones. Si falta alguna, empieza de nuevo desde allí.
failed-unknown-session = Este enlace no funciona
    .what = El enlace está incompleto, mal escrito o ya no existe.
    .next = Abre otra vez la app y empieza desde allí.
failed-cap-reached = Por ahora no hay conexiones nuevas
    .what = La app ha alcanzado su límite de usuarios conectados. No se ha conectado nada.
    .next = Avisa al equipo de soporte de la app e inténtalo más tarde.
failed-provider-down = { $provider } no responde
    .what = No se ha podido completar la conexión porque { $provider } no ha respondido como se esperaba.
    .next = Espera unos minutos e inténtalo de nuevo.
failed-wrong-browser = Usa un solo navegador de principio a fin
    .what = No hemos podido confirmar que este inicio de sesión empezara en este navegador.
    .next = Vuelve a la app y revisa tus conexiones. Si falta alguna, empieza de nuevo desde allí en un solo navegador, con las cookies permitidas.
failed-phone-only = { $provider } se conecta en tu teléfono
    .what = { $provider } guarda los datos en tu teléfono y no tiene una web donde iniciar sesión.
    .next = Abre la app en tu teléfono y conecta { $provider } allí.
failed-no-provider = Todavía no hay nada que conectar
    .what = Ahora mismo no se puede conectar ningún dispositivo ni ninguna app con este enlace.
    .next = Vuelve a la app y pide ayuda a su equipo de soporte.
failed-internal = Algo ha fallado
    .what = El fallo es nuestro, no tuyo.
    .next = Inténtalo de nuevo dentro de unos minutos. Si sigue sin funcionar, escribe al equipo de soporte de la app.
failed-trace = Referencia para el soporte:
failed-open-app = Abrir la app
failed-try-again = Intentar de nuevo
failed-return = Volver a { $app }
    .unnamed = Volver a tu app
