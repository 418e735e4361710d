app-unnamed = o seu app
close = Esta página já pode ser fechada.

choose-title = Conectar um dispositivo ou app
choose-lead = Escolha de onde vêm os seus dados. Depois, entre na sua conta e decida o que { $app } pode ver.
choose-search = Pesquisar por nome
    .submit = Pesquisar
    .all = Mostrar tudo
choose-found =
    { $count ->
        [one] { $count } resultado
       *[other] { $count } resultados
    }
choose-nothing = Nenhum resultado para “{ $query }”. Verifique a ortografia ou mostre a lista completa.
choose-connected = Conectado
choose-next = O que acontece a seguir
    .login = O login é feito na página do próprio fornecedor. { $app } nunca vê a sua senha.
    .approve = É lá que se decide quais dados { $app } pode receber.
    .return = Ao voltar, a conexão está pronta.
choose-cancel = Cancelar

notice-connected = { $provider } agora está conectado.
notice-disconnected = { $provider } já não está conectado.
notice-still-connected = Não foi possível desconectar { $provider }. Tente novamente dentro de alguns minutos.

connected-title = { $provider } está conectado
connected-lead = { $app } já pode receber os dados que foram autorizados.
connected-left-out = Não compartilhado
    .next = Para compartilhar também estes dados, conecte novamente e autorize o acesso.
    .again = Conectar novamente
connected-proceed = Continuar para { $app }
    .unnamed = Continuar para o seu app
connected-another = Conectar outro

disconnect-title = Desconectar { $provider }?
disconnect-lead = { $app } deixará de receber novos dados de { $provider }.
    .kept = Os dados que { $app } já recebeu não são apagados.
disconnect-submit = Desconectar
    .label = Desconectar { $provider }
disconnect-keep = Manter conectado

callback-title = Esta página faz parte de um login
callback-lead = Um provedor a abre depois que você faz login nele.
    .next = Não há nada a fazer aqui agora. Para conectar um dispositivo ou app, comece no seu app.

failed-cancelled = Operação cancelada
    .what = Nada foi conectado e nenhum dado foi compartilhado.
    .next = É possível recomeçar a partir do app a qualquer momento.
failed-denied = { $provider } não foi conectado
    .what = O acesso não foi permitido em { $provider }, por isso nenhum dado foi compartilhado.
    .next = Se não era essa a intenção, tente novamente e permita o acesso em { $provider }.
failed-left-out = { $provider } não foi conectado
    .what = O app precisa de dados que não foram permitidos em { $provider }. Nada foi conectado.
    .next = Tente novamente e permita em { $provider } tudo o que está nesta lista.
failed-expired = Esta página expirou
    .what = Por segurança, o link para esta página só funciona durante pouco tempo.
    .next = Volte ao app e recomece por lá.
failed-already-used = Este link já foi usado
    .what = Cada link só funciona uma vez.
    .next = Volte ao app e verifique as suas conexões. Se faltar alguma, recomece por lá.
failed-unknown-session = Este link não funciona
    .what = O link está incompleto, foi digitado incorretamente ou já não existe.
    .next = Abra o app novamente e recomece por lá.
failed-cap-reached = Sem novas conexões no momento
    .what = O app atingiu o limite de usuários conectados. Nada foi conectado.
    .next = Avise a equipe de suporte do app e tente novamente mais tarde.
failed-provider-down = { $provider } não está respondendo
    .what = Não foi possível concluir a conexão porque { $provider } não respondeu como esperado.
    .next = Aguarde alguns minutos e tente novamente.
failed-wrong-browser = Use um único navegador do início ao fim
    .what = Não foi possível confirmar que este login começou neste navegador.
    .next = Volte ao app e verifique as suas conexões. Se faltar alguma, recomece por lá em um único navegador, com cookies permitidos.
failed-phone-only = { $provider } se conecta no telefone
    .what = { $provider } guarda os dados no telefone e não tem um site para fazer login.
    .next = Abra o app no telefone e conecte { $provider } por lá.
failed-no-provider = Ainda não há nada para conectar
    .what = No momento, não é possível conectar nenhum dispositivo ou app com este link.
    .next = Volte ao app e peça ajuda à equipe de suporte.
failed-internal = Algo deu errado
    .what = O problema é nosso, não seu.
    .next = Tente novamente dentro de alguns minutos. Se ainda não funcionar, fale com a equipe de suporte do app.
failed-trace = Referência para o suporte:
failed-open-app = Abrir o app
failed-try-again = Tentar novamente
failed-return = Voltar para { $app }
    .unnamed = Voltar para o seu app
